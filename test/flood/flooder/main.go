// Flooder opens files as fast as it can, one thread for each file that its arguments name after the first. On
// SIGTERM it stops, and writes into the first how many opens it has made.
package main

import (
	"fmt"
	"os"
	"os/signal"
	"sync"
	"sync/atomic"

	"golang.org/x/sys/unix"
)

func main() {
	signals := make(chan os.Signal, 1)
	signal.Notify(signals, unix.SIGTERM)
	var stop atomic.Bool
	var opens atomic.Uint64
	var wg sync.WaitGroup
	for _, file := range os.Args[2:] {
		wg.Go(func() {
			made := uint64(0)
			for !stop.Load() {
				fd, err := open(file)
				made++
				if err == nil {
					_ = unix.Close(fd)
				}
			}
			opens.Add(made)
		})
	}
	<-signals
	stop.Store(true)
	wg.Wait()
	if err := os.WriteFile(os.Args[1], fmt.Append(nil, opens.Load()), 0o600); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}
