package inspect

import (
	"strings"
	"testing"

	"github.com/saker-sensor/saker/internal/cost"
)

func TestCostText(t *testing.T) {
	report := &cost.Report{
		Events: 1000, Always: 40, First: 1e9, Last: 61e9,
		Rules: []*cost.Cost{
			{Rule: "Dear", OfTypes: 800, Sent: 600, Alone: 500, Matched: 3, Most: cost.Most{Type: "openat", Program: "/bin/\x1b[2Jcat", Count: 400},
				Narrower: []string{"one", "two"}},
			{Rule: "Cheap"},
		},
	}
	const want = `1000 events in 1m0s, 40 of them of types that are always sent

#  SENT  FOR IT ALONE  OF ITS TYPES  MATCHES  RULE   MOSTLY
1  600   500           800           3        Dear   openat by /bin/?[2Jcat (400)
2  0     0             0             0        Cheap  -

# 1: Dear
  - one
  - two
`
	if got := costText(report); got != want {
		t.Errorf("got:\n%s\nwant:\n%s", got, strings.ReplaceAll(want, " ", "·"))
	}
}
