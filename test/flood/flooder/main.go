// Flooder opens files as fast as it can, one thread for each file that its arguments name. On SIGTERM it
// stops and prints how many opens it has made.
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
	for _, file := range os.Args[1:] {
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
	fmt.Println(opens.Load())
}
