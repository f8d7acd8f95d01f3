//go:build !amd64

package kernel

import (
	"golang.org/x/sys/unix"

	calltable "github.com/saker-sensor/saker/internal/call"
)

var archTriggers = map[string]func(args []string) (any, error){}

const mapLow = 0

// archCall would make a call by another entry; there is none.
var archCall func(name string, path uintptr) (callFacts, error)

// compatNumbers would be the numbers of the calls that only 32-bit callers have.
func compatNumbers(*calltable.Table) map[string]uintptr { return nil }

var int80Call func(nr, a, b, c, d, e, f uintptr) (r1, r2 uintptr, err unix.Errno)
