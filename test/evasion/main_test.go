// Package evasion tries, with the real sensor and rules as people write them for Falco, each known way to execute a
// program, open a file, change a name, reach an address, mount or enter a namespace past a rule. docs/evasions.md is the summary.
//
// A technique that is not seen is tested as well: its expectation says why, and fails on the day it is seen.
package evasion

import (
	"fmt"
	"os"
	"runtime"
	"testing"

	"github.com/saker-sensor/saker/internal/testutil"
)

// attackVar names the technique to carry out in place of the tests; the argument is the folder to do it in.
// Its environment tells the folder too.
const (
	attackVar = "SAKER_ATTACK"
	folderVar = "SAKER_FOLDER"
)

// sensorBinary is built once for all tests.
var sensorBinary string

func TestMain(m *testing.M) {
	if name := os.Getenv(attackVar); name != "" {
		runtime.LockOSThread()
		if err := attack(name, os.Args[1:]); err != nil {
			fmt.Fprintf(os.Stderr, "%s: %v\n", name, err)
			os.Exit(failCode)
		}
		os.Exit(0)
	}
	testutil.RunWithSensor(m, &sensorBinary)
}

// attack runs in a process of its own.
func attack(name string, args []string) error {
	for _, table := range [][]technique{opens, rings, execs, processes, names, networks, mounts, archTechniques} {
		for _, t := range table {
			if t.name == name {
				return t.do(args[0])
			}
		}
	}
	return fmt.Errorf("the technique is unknown")
}
