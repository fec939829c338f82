// Package peers is what the thin mains of engines in Go share.
package peers

import (
	"fmt"
	"os"
	"strconv"
	"time"
)

// TUN is the descriptor that packets come from and go to: standard input.
const TUN = 0

// UDPIdle is how long an upstream UDP socket waits for one more answer.
const UDPIdle = 30 * time.Second

// MTU is the TUN's, which is the first argument.
func MTU() int {
	if len(os.Args) > 1 {
		if mtu, err := strconv.ParseUint(os.Args[1], 10, 16); err == nil {
			return int(mtu)
		}
	}
	Fail("one argument is needed, the MTU")
	return 0
}

// Fail says why this cannot go on, and ends it.
func Fail(why any) {
	fmt.Fprintln(os.Stderr, why)
	os.Exit(1)
}
