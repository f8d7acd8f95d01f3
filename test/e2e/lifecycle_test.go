package e2e

import (
	"bytes"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"syscall"
	"testing"

	"github.com/saker-sensor/saker/internal/testutil"
)

// TestTerminate: SIGTERM while records are still in the rings loses none of them.
func TestTerminate(t *testing.T) {
	const opens = 5000
	file := filepath.Join(t.TempDir(), "watched")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	rules := testutil.RulesFile(t, fmt.Sprintf(`
- rule: Watched
  desc: d
  condition: evt.type = openat and fd.name = %s and proc.cmdline contains %q
  output: x
  priority: NOTICE
`, file, opener+" "+file))
	s := startSensor(t, "-r", rules, "-o", "rule_matching=all")
	openMany(t, file, opens)
	alerts := s.Stop() // at once: the last opens can't have been read yet
	if len(alerts) != opens {
		t.Errorf("%d alerts for %d opens\n%s", len(alerts), opens, s.Log())
	}
	for _, want := range []string{
		fmt.Sprintf("Events detected: %d\n", opens), "   NOTICE: 5000\n", "   Watched: 5000\n",
		"Lost records: 0 critical ring full, 0 bulk ring full, 0 undecodable, 0 missing by sequence",
	} {
		if !strings.Contains(s.Log(), want) {
			t.Errorf("the exit text lacks %q:\n%s", want, s.Log())
		}
	}
}

// TestSymlink: a rule for the file fires although the program named a link to it, and the alert says so.
func TestSymlink(t *testing.T) {
	dir := t.TempDir()
	file, link := filepath.Join(dir, "watched"), filepath.Join(dir, "link")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink(file, link); err != nil {
		t.Fatal(err)
	}
	s := startSensor(t, "-r", testutil.RulesFile(t, fmt.Sprintf(`
- rule: Watched
  desc: d
  condition: open_read and fd.name = %s
  output: file=%%fd.name
  priority: NOTICE
`, file)))
	openMany(t, link, 1)
	a := s.Next("the open by the link", func(a *alert) bool { return a.Field("fd.name.given") == link })
	if a.Field("fd.name") != file || a.Field("fd.name.matched") != "resolved" {
		t.Errorf("fields %v", a.OutputFields)
	}
	s.Stop()
}

// TestConfigurationFile: a Falco configuration file is all that the sensor needs; the log tells what of it counts.
func TestConfigurationFile(t *testing.T) {
	dir := t.TempDir()
	watched, pidfile := filepath.Join(dir, "watched"), filepath.Join(dir, "pid")
	for name, text := range map[string]string{
		"watched": "",
		"falco.yaml": `
json_output: true
json_include_tags_property: false
watch_config_files: true
rules_files: [` + dir + `/rules.yaml, ` + dir + `/rules.local.yaml]
config_files: [` + dir + `/config.d]
engine: {kind: kmod, kmod: {buf_size_preset: 4}}
static_fields: {cluster: blue, zone: b}
stdout_outpt: {enabled: false}
`,
		"config.d/mine.yaml": "append_output:\n- {suggested_output: true}\n- extra_output: in ${FALCO_HOSTNAME}\n",
		"rules.yaml": fmt.Sprintf(`
- rule: Watched
  desc: d
  condition: open_read and fd.name = %s and static.zone = b
  output: opened in %%static.zone
  priority: NOTICE
- rule: Elsewhere
  desc: d
  condition: open_read and fd.name = %[1]s and static.zone = c
  output: opened
  priority: ALERT
`, watched),
	} {
		path := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	s := launch(t, "-c", dir+"/falco.yaml", "-P", pidfile)
	s.WaitLog("ready")
	pid, err := os.ReadFile(pidfile)
	if err != nil || string(pid) != strconv.Itoa(s.Cmd.Process.Pid) {
		t.Errorf("pid file: %q, %v", pid, err)
	}
	openMany(t, watched, 1)
	a := s.Next("the open", func(*alert) bool { return true })
	if a.Rule != "Watched" || !strings.Contains(a.Output,
		"Notice opened in b in node-1 static_cluster=blue static_zone=b container_id=host") ||
		a.Field("static.cluster") != "blue" || a.Tags != nil {
		t.Errorf("alert %+v", a)
	}
	s.Stop()
	if _, err := os.Stat(pidfile); !os.IsNotExist(err) {
		t.Errorf("the pid file is left: %v", err)
	}
	for _, want := range []string{
		`configuration	{"files": ["` + dir + `/falco.yaml", "` + dir + `/config.d/mine.yaml"]}`,
		dir + "/falco.yaml:9:1: key stdout_outpt is unknown and has no effect; did you mean stdout_output?",
		dir + "/falco.yaml:7:16: engine.kind kmod does not apply: Saker brings its own kernel programs",
		dir + "/falco.yaml:5:", "/rules.local.yaml is absent and left out",
	} {
		if strings.Count(s.Log(), want) != 1 {
			t.Errorf("the log does not hold once: %s", want)
		}
	}
}

// TestDefaultFile: without -c, Falco's file counts where there is one, and Saker's own before it.
func TestDefaultFile(t *testing.T) {
	if os.Getuid() != 0 {
		t.Skip("needs root: it hides /etc from the sensor")
	}
	for files, want := range map[string]string{
		"":                                  "none, these are the built-in defaults",
		"falco/falco.yaml":                  "/etc/falco/falco.yaml",
		"falco/falco.yaml saker/saker.yaml": "/etc/saker/saker.yaml",
	} {
		script := `mount -t tmpfs none /etc && mkdir /etc/falco /etc/saker && for f in ` + files +
			`; do echo "priority: error" > /etc/$f; done && exec "$0" config show`
		out, err := exec.Command("unshare", "--mount", "sh", "-c", script, sensorBinary).CombinedOutput()
		if err != nil || !strings.HasPrefix(string(out), "# files read: "+want+"\n") {
			t.Errorf("%q: %v\n%s", files, err, out)
		}
	}
}

// TestDuration: -M ends the run by itself, with exit code 0.
func TestDuration(t *testing.T) {
	s := launch(t, "-M", "1")
	<-s.Ended
	if err := s.Cmd.Wait(); err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(s.Log(), "Events detected:") {
		t.Errorf("no exit text:\n%s", s.Log())
	}
}

// TestBadInput: each ends with code 1 and one line that says where and what to do; nothing is left running.
func TestBadInput(t *testing.T) {
	unknown := testutil.RulesFile(t,
		"- rule: A\n  desc: d\n  condition: evt.type = open and\n    proc.nam = x\n  output: o\n  priority: INFO\n")
	broken := testutil.RulesFile(t, "- rule: A\n  desc: [d\n")
	tests := []struct {
		name string
		args []string
		// wrap runs the sensor in other circumstances.
		wrap []string
		user uint32
		want string
	}{
		{name: "missing file", args: []string{"-r", "/does/not/exist.yaml"},
			want: `^Error: .*/does/not/exist\.yaml.*no such file.*-r`},
		{name: "broken YAML", args: []string{"-r", broken},
			want: `^Error: load rules: ` + regexp.QuoteMeta(broken) + `:\d+:\d+: LOAD_ERR_YAML_PARSE`},
		{name: "unknown field", args: []string{"-r", unknown},
			want: `^Error: load rules: ` + regexp.QuoteMeta(unknown) + `:4:5: LOAD_ERR_COMPILE_CONDITION.*proc\.nam\b.*proc\.name`},
		{name: "bad option", args: []string{"-o", "json_output=perhaps"},
			want: `^Error: read option -o json_output=perhaps: .*neither true nor false`},
		{name: "unknown flag", args: []string{"--nonsense"}, want: `^Error: unknown flag: --nonsense`},
		{name: "no privileges", user: 65534, want: `^Error: load BPF programs: no privilege \(missing CAP_BPF, CAP_PERFMON\); run as root`},
		{name: "no BTF", wrap: []string{"unshare", "--mount", "sh", "-c", `mount -t tmpfs none /sys/kernel/btf && exec "$0" "$@"`},
			want: `^Error: find the kernel's BTF: .*CONFIG_DEBUG_INFO_BTF`},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if os.Getuid() != 0 {
				t.Skip("needs root")
			}
			line := append(append(tt.wrap, sensorBinary), tt.args...)
			cmd := exec.Command(line[0], line[1:]...)
			if tt.user != 0 {
				// The binary lies in a folder of root's.
				copied := filepath.Join(publicDir(t), "sensor")
				if out, err := exec.Command("cp", sensorBinary, copied).CombinedOutput(); err != nil {
					t.Fatalf("%v: %s", err, out)
				}
				cmd = exec.Command(copied, tt.args...)
				cmd.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: tt.user, Gid: tt.user}}
			}
			var stdout, stderr bytes.Buffer
			cmd.Stdout, cmd.Stderr = &stdout, &stderr
			err := cmd.Run()
			if code := cmd.ProcessState.ExitCode(); code != 1 {
				t.Errorf("exit code %d (%v), want 1", code, err)
			}
			text := strings.TrimSuffix(stderr.String(), "\n")
			if !regexp.MustCompile(tt.want).MatchString(text) || strings.Contains(text, "\n") {
				t.Errorf("got  %s\nwant one line like %s", text, tt.want)
			}
			if stdout.Len() != 0 {
				t.Errorf("standard output: %s", stdout.String())
			}
		})
	}
}

// publicDir is a folder that any user may enter.
func publicDir(t *testing.T) string {
	t.Helper()
	dir, err := os.MkdirTemp("/tmp", "saker-public-")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	if err := os.Chmod(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	return dir
}

// TestTakenSocket: a socket where something else answers costs the containers' names and nothing more.
func TestTakenSocket(t *testing.T) {
	path := filepath.Join(publicDir(t), "taken.sock")
	testutil.ServeUnix(t, path, func(c net.Conn) {
		_, _ = c.Write([]byte("this is no containerd\n"))
		c.Close()
	})
	file := filepath.Join(t.TempDir(), "watched")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	s := startSensor(t, "-o", "container_engines.containerd.sockets[0]="+path, "-r", testutil.RulesFile(t, fmt.Sprintf(`
- rule: Watched
  desc: d
  condition: open_read and fd.name = %s
  output: file=%%fd.name container=%%container.id
  priority: NOTICE
`, file)))
	s.WaitLog(path)
	openMany(t, file, 1)
	a := s.Next("the open", func(a *alert) bool { return a.Rule == "Watched" })
	if a.Field("container.id") != "host" {
		t.Errorf("container.id %s", a.Field("container.id"))
	}
	s.Stop()
}
