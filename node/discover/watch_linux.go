package discover

import (
	"context"
	"errors"
	"fmt"
	"os"
	"syscall"

	"golang.org/x/sys/unix"
)

// watchSystem calls changed whenever the kernel tells of a change of links or addresses (routes false) or of routes
// (routes true), until ctx ends. A change may be told of several times, or after it was seen by other means.
func watchSystem(ctx context.Context, changed func(routes bool)) error {
	fd, err := unix.Socket(unix.AF_NETLINK, unix.SOCK_RAW|unix.SOCK_CLOEXEC|unix.SOCK_NONBLOCK, unix.NETLINK_ROUTE)
	if err != nil {
		return fmt.Errorf("open netlink socket: %w", err)
	}
	f := os.NewFile(uintptr(fd), "netlink") // not blocking, so that Close ends Read
	const groups = unix.RTMGRP_LINK | unix.RTMGRP_IPV4_IFADDR | unix.RTMGRP_IPV6_IFADDR |
		unix.RTMGRP_IPV4_ROUTE | unix.RTMGRP_IPV6_ROUTE
	if err := unix.Bind(fd, &unix.SockaddrNetlink{Family: unix.AF_NETLINK, Groups: groups}); err != nil {
		return errors.Join(fmt.Errorf("bind netlink socket: %w", err), f.Close())
	}
	closed := make(chan error, 1)
	stop := context.AfterFunc(ctx, func() { closed <- f.Close() })
	err = readNetlink(f, changed)
	if stop() {
		return errors.Join(err, f.Close())
	}
	return errors.Join(context.Cause(ctx), <-closed)
}

// readNetlink reads until the socket fails or is closed.
func readNetlink(f *os.File, changed func(routes bool)) error {
	b := make([]byte, 64<<10)
	for {
		n, err := f.Read(b)
		switch {
		case errors.Is(err, unix.ENOBUFS): // so much has changed that the kernel gave up listing it
			changed(false)
			changed(true)
			continue
		case err != nil:
			return fmt.Errorf("read netlink socket: %w", err)
		}
		links, routes := netlinkNews(b[:n])
		if links {
			changed(false)
		}
		if routes {
			changed(true)
		}
	}
}

// netlinkNews says what a netlink packet is about. One that cannot be read is taken for news about links.
func netlinkNews(b []byte) (links, routes bool) {
	msgs, err := syscall.ParseNetlinkMessage(b)
	if err != nil {
		return true, false
	}
	for _, m := range msgs {
		switch m.Header.Type {
		case unix.RTM_NEWROUTE, unix.RTM_DELROUTE:
			routes = true
		default:
			links = true
		}
	}
	return links, routes
}
