package e2e

import (
	"bytes"
	"fmt"
	"os"
	"os/exec"
	"strings"
	"testing"

	"github.com/saker-sensor/saker/rules"
)

// TestDoctor: this machine runs the sensor, so the doctor finds all that is needed; without BTF it says so.
func TestDoctor(t *testing.T) {
	if os.Getuid() != 0 {
		t.Skip("needs root: the doctor tries to load the programs")
	}
	out, err := exec.Command(sensorBinary, "doctor", "-o", "container_engines.containerd.sockets[0]=/does/not/exist").CombinedOutput()
	if err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	for _, want := range []string{"ok       kernel: ", "ok       32-bit system calls: ", "ok       privileges: ", "ok       BTF: ",
		"ok       programs: ", "ok       cgroups: ", fmt.Sprintf("ok       rules: %d loaded", bytes.Count(rules.Default, []byte("\n- rule: "))),
		"absent   container runtimes: no socket at /does/not/exist"} {
		if !strings.Contains(string(out), want) {
			t.Errorf("the report lacks %q:\n%s", want, out)
		}
	}
	out, err = exec.Command("unshare", "--mount", "sh", "-c", `mount -t tmpfs none /sys/kernel/btf && exec "$0" doctor`,
		sensorBinary).CombinedOutput()
	if err == nil || !strings.Contains(string(out), "MISSING  BTF: ") ||
		!strings.Contains(string(out), "remedy: boot a kernel built with CONFIG_DEBUG_INFO_BTF=y") {
		t.Errorf("without BTF: %v\n%s", err, out)
	}
}
