// Command publish forwards TCP ports of this machine to a node that lives in its own network
// namespace:
//
//	publish 127.0.0.1:8080=10.0.0.2:80 127.0.0.1:6443=10.0.0.2:6443
//
// It listens on all addresses or on none, prints "ready" on standard output once it does, and ends
// with its parent, so that a killed cluster keeps no port.
package main

import (
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"os"
	"os/signal"
	"runtime"
	"strings"
	"sync"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// A node on this machine answers at once; more means that it is not there.
const dialTimeout = 5 * time.Second

type forward struct {
	listener net.Listener
	target   string
}

// The kernel drops the wish to end with the parent when the thread that uttered it ends: so it is
// uttered by the main thread, which stays.
func init() {
	runtime.LockOSThread()
}

func main() {
	forwards, err := start(os.Args[1:])
	if err != nil {
		fmt.Fprintln(os.Stderr, "publish:", err)
		os.Exit(1)
	}
	for _, forward := range forwards {
		go forward.serve()
	}
	fmt.Println("ready")

	stop := make(chan os.Signal, 1)
	signal.Notify(stop, syscall.SIGTERM, syscall.SIGINT)
	<-stop
}

func start(pairs []string) ([]forward, error) {
	if len(pairs) == 0 {
		return nil, errors.New("nothing to publish; usage: publish LISTEN=TARGET ...")
	}
	if err := endWithParent(); err != nil {
		return nil, err
	}
	var forwards []forward
	for _, pair := range pairs {
		listen, target, ok := strings.Cut(pair, "=")
		if !ok {
			return nil, fmt.Errorf("%q: expected LISTEN=TARGET", pair)
		}
		listener, err := net.Listen("tcp", listen)
		if err != nil {
			return nil, fmt.Errorf("publish %s: %w", pair, err)
		}
		forwards = append(forwards, forward{listener, target})
	}
	return forwards, nil
}

// endWithParent asks the kernel for SIGTERM when the parent dies.
func endWithParent() error {
	parent := os.Getppid()
	if err := unix.Prctl(unix.PR_SET_PDEATHSIG, uintptr(syscall.SIGTERM), 0, 0, 0); err != nil {
		return fmt.Errorf("asking to end with the parent: %w", err)
	}
	if os.Getppid() != parent {
		return errors.New("the parent ended before publish began")
	}
	return nil
}

func (f forward) serve() {
	for {
		client, err := f.listener.Accept()
		if err != nil {
			// Out of file descriptors, most likely: those of ended connections come back.
			slog.Error("accept failed", "listen", f.listener.Addr(), "err", err)
			time.Sleep(100 * time.Millisecond)
			continue
		}
		go f.carry(client.(*net.TCPConn))
	}
}

func (f forward) carry(client *net.TCPConn) {
	defer client.Close()
	conn, err := net.DialTimeout("tcp", f.target, dialTimeout)
	if err != nil {
		slog.Warn("target does not answer", "target", f.target, "err", err)
		_ = client.SetLinger(0) // a reset tells the client what a plain close would hide
		return
	}
	target := conn.(*net.TCPConn)
	defer target.Close()

	var both sync.WaitGroup
	both.Go(func() { pour(target, client) })
	both.Go(func() { pour(client, target) })
	both.Wait()
}

// pour copies until the source ends, and passes the end on while the other direction may go on.
// The copy happens inside the kernel: io.Copy between two TCP connections is splice(2).
func pour(to, from *net.TCPConn) {
	if _, err := io.Copy(to, from); err != nil {
		_ = to.SetLinger(0)
		_ = to.Close()
		_ = from.Close()
		return
	}
	_ = to.CloseWrite()
}
