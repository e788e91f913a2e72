//go:build !linux

package main

import "syscall"

// dependent is for systems where a process cannot be made to die with its parent.
func dependent() *syscall.SysProcAttr { return nil }
