package field

import (
	"errors"
	"testing"
)

// What is wrong with an argument is a mistake for some fields; for others there is no such field, as in Falco.
func TestLookupArguments(t *testing.T) {
	const (
		ok      = "ok"
		unknown = "unknown"
		mistake = "mistake"
	)
	d := Syscall()
	for _, tt := range []struct {
		name, arg string
		want      string
		// printed is the field as it was understood, where that is not name[arg].
		printed string
	}{
		{"proc.aname", "-1", ok, "proc.aname"}, {"proc.apid", "-1", ok, "proc.apid"}, {"proc.aexe", "-1", ok, "proc.aexe"},
		{"proc.aexepath", "-1", ok, "proc.aexepath"}, {"proc.acmdline", "-1", ok, "proc.acmdline"},
		{"proc.aargs", "-1", ok, "proc.aargs"}, {"proc.args", "-1", ok, "proc.args"}, {"proc.args", "-7", ok, "proc.args"},
		{"proc.aname", "-2", ok, ""}, {"proc.aname", "+1", ok, ""}, {"proc.aname", " 1", ok, ""}, {"proc.aname", "01", ok, ""},
		{"proc.aname", "99999999999999999999", ok, ""},
		{"proc.aname", "x", unknown, ""}, {"proc.aname", "", unknown, ""}, {"proc.aname", "1 ", unknown, ""},
		{"proc.aname", "0x1", unknown, ""},
		{"proc.aname", "1.5", unknown, ""}, {"proc.aname", "--1", unknown, ""}, {"proc.apid", "x", unknown, ""},
		{"proc.aexe", "x", unknown, ""},
		{"proc.aexepath", "x", unknown, ""}, {"proc.acmdline", "x", unknown, ""}, {"proc.aargs", "x", unknown, ""},
		{"proc.args", "x", unknown, ""},
		{"proc.env", "PATH", ok, ""}, {"proc.env", "-1", ok, ""}, {"proc.env", "", ok, "proc.env"}, {"proc.aenv", "", ok, "proc.aenv"},
		{"proc.env", "a]b", unknown, ""}, {"proc.aenv", "a]b", unknown, ""}, {"proc.name", "1", unknown, ""},
		{"proc.name", "", unknown, ""},
		{"fd.name", "x", unknown, ""}, {"fd.types", "1", ok, ""}, {"fd.types", "x", mistake, ""}, {"evt.around", "x", mistake, ""},
		{"evt.arg", "1", ok, ""}, {"evt.arg", "-1", ok, ""}, {"evt.arg", "x", mistake, ""}, {"evt.arg", "flags", mistake, ""},
		{"evt.arg", "", mistake, ""},
		{"evt.rawarg", "1", mistake, ""}, {"evt.rawarg", "flags", mistake, ""}, {"evt.type.is", "openat", mistake, ""},
		{"evt.abspath", "src", unknown, ""}, {"evt.type", "x", unknown, ""}, {"container.name", "x", mistake, ""},
		{"container.label", "a", ok, ""},
		{"k8s.pod.name", "x", mistake, ""}, {"evt.arg.flags", "1", unknown, ""}, {"no.such", "1", unknown, ""},
	} {
		t.Run(tt.name+"["+tt.arg+"]", func(t *testing.T) {
			ref, err := d.Lookup(tt.name, tt.arg, true)
			got := ok
			var fe *Error
			if errors.As(err, &fe) {
				got = mistake
				if fe.Unknown {
					got = unknown
				}
			}
			if got != tt.want {
				t.Errorf("got %s (%v), want %s", got, err, tt.want)
			}
			if tt.printed != "" && err == nil && ref.String() != tt.printed {
				t.Errorf("it is %s, want %s", ref.String(), tt.printed)
			}
		})
	}
	for _, tt := range []struct{ name, want string }{
		{"evt.arg.flags", ok}, {"evt.arg.nonsense", mistake}, {"evt.arg.flagsx", unknown}, {"evt.rawarg.flagsx", unknown},
		{"evt.rawarg.nonsense", mistake}, {"evt.type.is.openat", ok}, {"evt.type.is.nonsense", unknown}, {"evt.abspath.src", ok},
		{"evt.abspath.nonsense", unknown}, {"evt.arg", mistake}, {"evt.rawarg", mistake}, {"evt.around", mistake}, {"proc.env", ok},
	} {
		t.Run(tt.name, func(t *testing.T) {
			_, err := d.Lookup(tt.name, "", false)
			got := ok
			var fe *Error
			if errors.As(err, &fe) {
				got = mistake
				if fe.Unknown {
					got = unknown
				}
			}
			if got != tt.want {
				t.Errorf("got %s (%v), want %s", got, err, tt.want)
			}
		})
	}
}
