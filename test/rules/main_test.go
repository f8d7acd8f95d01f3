// Package rules triggers the published rules, and the default rules about system calls, with the real sensor. For each rule it
// tries a near miss that must not fire.
package rules

import (
	"os"
	"testing"

	"github.com/saker-sensor/saker/internal/testutil"
)

// sensorBinary is built once for all tests.
var sensorBinary string

// actWord, as the first argument, makes the test binary carry out an action in place of the tests.
const actWord = "act"

func TestMain(m *testing.M) {
	if len(os.Args) > 2 && os.Args[1] == actWord {
		os.Exit(act(os.Args[2], os.Args[3:]))
	}
	testutil.RunWithSensor(m, &sensorBinary)
}
