package state

import (
	"encoding/json"
	"errors"
	"os"
	"slices"
	"testing"

	"github.com/saker-sensor/saker/internal/testutil"
)

// TestJoinIsFalcos takes Falco's own cases of paths.
func TestJoinIsFalcos(t *testing.T) {
	b, err := os.ReadFile(testutil.Shared(t, "vectors/utils.json"))
	if err != nil {
		t.Fatal(err)
	}
	var cases []struct {
		Function string
		Args     json.RawMessage
		Expected json.RawMessage
		Source   string
	}
	if err := json.Unmarshal(b, &cases); err != nil {
		t.Fatal(err)
	}
	tried := 0
	for _, c := range cases {
		if c.Function != "concatenate_paths" {
			continue
		}
		tried++
		var args [2]string
		var want string
		if err := errors.Join(json.Unmarshal(c.Args, &args), json.Unmarshal(c.Expected, &want)); err != nil {
			t.Fatal(err)
		}
		if got := join(args[0], args[1]); got != want {
			t.Errorf("%s: %q: got %q, want %q", c.Source, args, got, want)
		}
	}
	if tried < 10 {
		t.Errorf("only %d cases were tried", tried)
	}
}

func TestJoinBounds(t *testing.T) {
	long := make([]byte, maxPath)
	if got := join("/", string(long)); got != tooLong {
		t.Errorf("a path of %d bytes is %q", len(long), got)
	}
}

func TestSplit(t *testing.T) {
	for in, want := range map[string][]string{
		"": nil, "\x00": nil, "a": {"a"}, "a\x00": {"a"}, "a\x00b\x00": {"a", "b"}, "a\x00\x00": {"a", ""}, " \x00\x00b": {" ", "", "b"},
	} {
		if got := split([]byte(in)); !slices.Equal(got, want) {
			t.Errorf("%q: got %q, want %q", in, got, want)
		}
	}
}
