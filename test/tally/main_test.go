package main

import (
	"strings"
	"testing"
)

func TestTally(t *testing.T) {
	const events = `{"Action":"start","Package":"a"}
{"Action":"run","Package":"a","Test":"TestGood"}
{"Action":"output","Package":"a","Test":"TestGood","Output":"    x_test.go:3: of no interest\n"}
{"Action":"pass","Package":"a","Test":"TestGood","Elapsed":1}
{"Action":"output","Package":"a","Test":"TestOut","Output":"=== RUN   TestOut\n"}
{"Action":"output","Package":"a","Test":"TestOut","Output":"    x_test.go:4: needs root: it mounts\n"}
{"Action":"output","Package":"a","Test":"TestOut","Output":"--- SKIP: TestOut (0.00s)\n"}
{"Action":"skip","Package":"a","Test":"TestOut","Elapsed":0}
{"Action":"output","Package":"a","Output":"PASS\n"}
{"Action":"pass","Package":"a","Elapsed":1.25}
`
	const passes = "ok    a  1.2 s\n      skipped TestOut: needs root: it mounts\n"
	for _, tt := range []struct {
		name, events, want string
		failed             bool
	}{
		{"all pass", events, passes + "1 passed, 0 failed, 1 skipped\n", false},
		{"a test fails", events + `{"Action":"output","Package":"b","Test":"TestBad/sub","Output":"    y_test.go:9: got 1\n"}
{"Action":"output","Package":"b","Test":"TestBad/sub","Output":"        a log\n"}
{"Action":"fail","Package":"b","Test":"TestBad/sub"}
{"Action":"fail","Package":"b","Elapsed":2}
`, passes + "    y_test.go:9: got 1\n        a log\nFAIL  b  2.0 s\n" +
			"failed: b TestBad/sub\n    y_test.go:9: got 1\n1 passed, 1 failed, 1 skipped\n", true},
		{"a package fails without a test", `{"Action":"output","Package":"b","Output":"exit status 2\n"}
{"Action":"fail","Package":"b","Elapsed":0}
`, "exit status 2\nFAIL  b  0.0 s\n0 passed, 0 failed, 0 skipped\n", true},
		{"a package does not compile", `{"ImportPath":"b","Action":"build-output","Output":"y.go:1:1: bad\n"}
{"Action":"fail","Package":"b","Elapsed":0,"FailedBuild":"b"}
`, "y.go:1:1: bad\nFAIL  b  0.0 s\n0 passed, 0 failed, 0 skipped\n", true},
		{"slow tests", `{"Action":"pass","Package":"a","Test":"TestA","Elapsed":5}
{"Action":"pass","Package":"a","Test":"TestB/sub","Elapsed":80}
{"Action":"pass","Package":"a","Test":"TestB","Elapsed":81.25}
{"Action":"pass","Package":"a","Test":"TestC","Elapsed":4.9}
`, "  81.2 s  a TestB\n   5.0 s  a TestA\n4 passed, 0 failed, 0 skipped\n", false},
		{"not an event", "what\n", "what\n0 passed, 0 failed, 0 skipped\n", false},
	} {
		t.Run(tt.name, func(t *testing.T) {
			var b strings.Builder
			failed, err := run(strings.NewReader(tt.events), &b, false)
			if err != nil || failed != tt.failed {
				t.Errorf("failed is %v, want %v; error %v", failed, tt.failed, err)
			}
			if b.String() != tt.want {
				t.Errorf("printed\n%swant\n%s", b.String(), tt.want)
			}
		})
	}
}
