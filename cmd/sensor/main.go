// Command sensor watches the processes of this host and alerts by Falco rules.
package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log"
	"os"
	"os/signal"
	"syscall"

	"github.com/saker-sensor/saker/internal/inspect"
)

// version is set by the linker.
var version = "dev"

func main() {
	// The package net/http writes there what a server sends unasked, as much as it likes; a socket of a runtime may be anyone's.
	log.SetOutput(io.Discard)
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGINT, syscall.SIGTERM)
	defer stop()
	if err := rootCommand(ctx, os.Stdout, os.Stderr).Execute(); err != nil {
		if !errors.Is(err, inspect.ErrInvalid) {
			fmt.Fprintf(os.Stderr, "Error: %v\n", err)
		}
		stop()
		os.Exit(1)
	}
}
