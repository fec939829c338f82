// sing-tun, which dials where each stream wants to go: `sing-tun MTU STACK`, with "gvisor" or "system" as the stack.
//
// sing-tun is GPL-3.0. Nothing of it is in this project or in anything that it ships: who measures fetches it, and the
// program that is linked with it stays on that machine.
package main

import (
	"context"
	"errors"
	"net"
	"net/netip"
	"os"
	"runtime"

	tun "github.com/sagernet/sing-tun"
	"github.com/sagernet/sing/common/bufio"
	"github.com/sagernet/sing/common/logger"
	M "github.com/sagernet/sing/common/metadata"
	N "github.com/sagernet/sing/common/network"
	"golang.org/x/sys/unix"

	"peers"
)

// The TUN's addresses, as the harness sets them, in networks that hold the next address too: "system" rewrites each
// stream so that the kernel's own TCP takes it for one from there.
var (
	v4 = netip.MustParsePrefix("10.215.173.2/24")
	v6 = netip.MustParsePrefix("fd66::2/64")
)

func main() {
	mtu := peers.MTU()
	if len(os.Args) != 3 {
		peers.Fail("two arguments are needed, the MTU and the stack")
	}
	if err := start(mtu, os.Args[2]); err != nil {
		peers.Fail(err)
	}
	select {}
}

func start(mtu int, name string) error {
	// To sing-tun, descriptor 0 is none.
	fd, err := unix.Dup(peers.TUN)
	if err != nil {
		return err
	}
	options := tun.Options{
		FileDescriptor: fd,
		MTU:            uint32(mtu),
		Inet4Address:   []netip.Prefix{v4},
		Inet6Address:   []netip.Prefix{v6},
		Logger:         logger.NOP(),
	}
	device, err := tun.New(options)
	if err != nil {
		return err
	}
	stack, err := tun.NewStack(name, tun.StackOptions{
		Context:    context.Background(),
		Tun:        device,
		TunOptions: options,
		UDPTimeout: peers.UDPIdle,
		Handler:    direct{},
		Logger:     logger.NOP(),
	})
	if err != nil {
		return err
	}
	return besideTUN(fd, stack.Start)
}

// besideTUN runs work in the TUN's network namespace, where "system" has to listen. The rest of the process stays where
// it is, and so do the sockets that it opens.
func besideTUN(fd int, work func() error) error {
	result := make(chan error)
	go func() {
		// Not unlocked: the thread ends with its goroutine and goes to no other.
		runtime.LockOSThread()
		namespace, err := unix.IoctlRetInt(fd, unix.TUNGETDEVNETNS)
		if err == nil {
			err = errors.Join(unix.Setns(namespace, unix.CLONE_NEWNET), unix.Close(namespace))
		}
		if err == nil {
			err = work()
		}
		result <- err
	}()
	return <-result
}

// direct is a handler that reaches servers itself, as sing-box's "direct" does.
type direct struct{}

func (direct) PrepareConnection(string, M.Socksaddr, M.Socksaddr) error {
	return nil
}

func (direct) NewConnectionEx(
	ctx context.Context, phone net.Conn, _ M.Socksaddr, destination M.Socksaddr, _ N.CloseHandlerFunc,
) {
	var dialer net.Dialer
	world, err := dialer.DialContext(ctx, "tcp", destination.String())
	if err != nil {
		N.CloseOnHandshakeFailure(phone, nil, err)
		return
	}
	if err := N.ReportConnHandshakeSuccess(phone, world); err != nil {
		world.Close()
		return
	}
	// With "system" both ends are sockets, and this splices: two pipes, so six descriptors for a connection.
	bufio.CopyConn(ctx, phone, world)
}

// NewPacketConnectionEx has one socket for all that comes from a port of the phone's, as sing-tun's NAT has it.
func (direct) NewPacketConnectionEx(
	ctx context.Context, phone N.PacketConn, _ M.Socksaddr, _ M.Socksaddr, _ N.CloseHandlerFunc,
) {
	world, err := net.ListenUDP("udp", nil)
	if err != nil {
		phone.Close()
		return
	}
	bufio.CopyPacketConn(ctx, phone, bufio.NewPacketConn(world))
}
