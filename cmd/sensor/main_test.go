package main

import (
	"flag"
	"fmt"
	"os"
	"slices"
	"testing"

	"github.com/rogpeppe/go-internal/testscript"

	"github.com/saker-sensor/saker/internal/config"
)

var update = flag.Bool("update", false, "renew the golden parts of the scripts")

func TestMain(m *testing.M) {
	testscript.Main(m, map[string]func(){"sensor": main})
}

// TestScripts runs the command as users do; each script of testdata/script is a case.
func TestScripts(t *testing.T) {
	testscript.Run(t, testscript.Params{
		Dir:           "testdata/script",
		UpdateScripts: *update,
		Condition: func(cond string) (bool, error) {
			if cond != "default-config" {
				return false, fmt.Errorf("unknown condition %q", cond)
			}
			return slices.ContainsFunc(config.DefaultFiles(), func(f string) bool { _, err := os.Stat(f); return err == nil }), nil
		},
		Setup: func(env *testscript.Env) error {
			env.Setenv("FALCO_HOSTNAME", "testhost")
			env.Setenv("TZ", "UTC")
			return nil
		},
	})
}
