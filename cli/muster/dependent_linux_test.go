package main

import "syscall"

// dependent makes a process die with the thread that started it.
func dependent() *syscall.SysProcAttr { return &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL} }
