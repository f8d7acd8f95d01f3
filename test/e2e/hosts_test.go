package e2e

import (
	"net"
	"os"
	"strings"
	"testing"

	"github.com/saker-sensor/saker/internal/testutil"
)

const hostRules = `
- rule: named
  desc: d
  condition: evt.type = connect and fd.sip.name in (localhost, saker.invalid) and fd.sport in (PORTS)
  output: "%fd.sip.name %fd.sport"
  priority: NOTICE
`

// TestHostNames: a connection to an address of a name that a rule has matches, one to another address does not. A name that
// can't be resolved is logged.
func TestHostNames(t *testing.T) {
	named, other := listen(t, "127.0.0.1:0"), listen(t, "127.0.0.2:0")
	rules := testutil.RulesFile(t, strings.ReplaceAll(hostRules, "PORTS", port(named)+", "+port(other)))
	s := startSensor(t, "-r", rules)
	s.WaitLog("saker.invalid")
	connect := func(to net.Listener) {
		t.Helper()
		conn, err := net.Dial("tcp4", to.Addr().String())
		if err != nil {
			t.Fatal(err)
		}
		conn.Close()
	}
	connect(other)
	connect(named)
	a := s.Next("a connection to localhost", func(a *alert) bool { return a.Rule == "named" })
	if a.Field("fd.sip.name") != "localhost" || a.Field("fd.sport") != port(named) {
		t.Errorf("the first alert: %v", a.OutputFields)
	}
	// The names of a reload are known when its rules come into force.
	const again = "- rule: again\n  desc: d\n  condition: evt.type = connect and fd.rip.name = LOCALHOST and fd.sport = PORT\n" +
		"  output: x\n  priority: NOTICE\n"
	if err := os.WriteFile(rules, []byte(strings.ReplaceAll(again, "PORT", port(named))), 0o600); err != nil {
		t.Fatal(err)
	}
	s.WaitLog("reloaded")
	connect(named)
	s.Next("a connection to LOCALHOST", func(a *alert) bool { return a.Rule == "again" })
	for _, a := range s.Stop() {
		t.Errorf("another alert: %v", a.OutputFields)
	}
}

func listen(t *testing.T, address string) net.Listener {
	t.Helper()
	l, err := net.Listen("tcp4", address)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	return l
}

// port is that which a listener got.
func port(l net.Listener) string {
	_, port, _ := net.SplitHostPort(l.Addr().String())
	return port
}
