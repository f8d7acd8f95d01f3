package inspect

import (
	"strings"
	"testing"
)

// TestDoctorReport: what is needed and missing makes the report an error; what is not needed does not.
func TestDoctorReport(t *testing.T) {
	var b strings.Builder
	err := WriteFindings(&b, []Finding{
		{Name: "kernel", OK: true, Needed: true, Detail: "6.18"},
		{Name: "containerd", Detail: "no socket", Remedy: "none needed"},
	})
	if err != nil {
		t.Error(err)
	}
	if want := "ok       kernel: 6.18\nabsent   containerd: no socket\n         remedy: none needed\n"; b.String() != want {
		t.Errorf("got\n%swant\n%s", b.String(), want)
	}
	err = WriteFindings(&b, []Finding{{Name: "BTF", Needed: true, Detail: "no"}})
	if err == nil || err.Error() != "the sensor can't run here: missing BTF" {
		t.Errorf("got %v", err)
	}
}
