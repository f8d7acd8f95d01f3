// Package hostile makes hostile system calls, at random and by the hundred thousand, and compares each record with what
// its caller knows.
//
// The calls are made by another process, the caller: the test binary run anew. Each of its threads notes for every call
// what it asked for and what the kernel told it (the result, fstat, /proc/self/fd), and sends that through a pipe. The
// records of a thread must be the same, one by one and in order: nothing is missing, no name is another one, and what is
// cut says so.
//
// Most calls are opens and execs, of which the kernel itself tells the names. A part is of all rows of the table of system calls, made in a
// cage of namespaces with arguments by the row's own words, right and wrong.
package hostile

import (
	"flag"
	"fmt"
	"math/rand/v2"
	"os"
	"testing"
)

// What a run of the binary is to be in place of the tests.
const (
	roleVar    = "SAKER_HOSTILE_ROLE"
	roleCaller = "caller"
	roleFUSE   = "fuse"
	roleRows   = "rows"
)

var (
	calls = flag.Int("calls", 40_000, "how many system calls to make")
	seed  = flag.Uint64("seed", 0, "where the random numbers begin; 0 takes one by chance")
)

// rowCalls are as many of the calls as are made of the table's rows.
func rowCalls() int { return *calls * 3 / 10 }

func TestMain(m *testing.M) {
	var err error
	switch os.Getenv(roleVar) {
	case "":
		flag.Parse()
		if *seed == 0 {
			*seed = rand.Uint64N(1 << 32)
		}
		os.Exit(m.Run())
	case roleCaller:
		err = runCaller(os.Args[1:])
	case roleRows:
		err = runRows(os.Args[1:])
	case roleFUSE:
		err = serveFUSE(os.Args[1])
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, os.Getenv(roleVar)+":", err)
		os.Exit(2)
	}
	os.Exit(0)
}
