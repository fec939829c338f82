// tun2socks without a proxy.
package main

import (
	"fmt"

	"github.com/xjasonlyu/tun2socks/v2/engine"

	"peers"
)

func main() {
	engine.Insert(&engine.Key{
		Device:     fmt.Sprintf("fd://%d", peers.TUN),
		MTU:        peers.MTU(),
		Proxy:      "direct://",
		LogLevel:   "error",
		UDPTimeout: peers.UDPIdle,
	})
	engine.Start()
	select {}
}
