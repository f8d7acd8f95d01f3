package rules

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/containerd/containerd/v2/pkg/oci"
	specs "github.com/opencontainers/runtime-spec/specs-go"

	"github.com/saker-sensor/saker/internal/testutil"
)

// trial is what makes a published rule fire, and what is nearly that and must not.
//
// In a script $DIR is a folder in which the test binary has other names, too, and ACT is the command that makes it carry out an
// action. IN/NAME is such a name for a script in the container, which has the host's root at /host and gets to the folder by
// chroot. Programs of the container are called by their paths, because busybox's shell carries out others by itself, and with
// exec where a rule looks at the parent.
type trial struct {
	rule string
	// want are fields of the alert; a "*" at the end of a value stands for any text.
	want       map[string]string
	fire, miss attempt
}

// attempt is a script, and where and as whom it runs.
type attempt struct {
	script   string
	onHost   bool
	terminal bool
	uid      uint32
	// unprivileged takes all capabilities but that for chroot.
	unprivileged bool
	// tag is that of another attempt; what it did is looked at, and nothing is run.
	tag string
}

func in(script string) attempt           { return attempt{script: script} }
func onHost(script string) attempt       { return attempt{script: script, onHost: true} }
func onTTY(script string) attempt        { return attempt{script: script, terminal: true} }
func unprivileged(script string) attempt { return attempt{script: script, unprivileged: true} }

// The tags of the two containers' first processes.
const (
	privilegedTag = "privileged-start"
	plainTag      = "plain-start"
)

func started() attempt { return attempt{tag: privilegedTag} }
func plain() attempt   { return attempt{tag: plainTag} }

// tagVar is the variable in the environment by which an alert's cause is known.
const tagVar = "SAKER_TRIAL"

// names under which the test binary or another program is called.
var (
	actNames = []string{
		"bash", "cat", "java", "wget", "javac", "modprobe", "mysqld", "mysqldump", "nginx", "nginy", "npm", "npx",
		"python3", "python4", "ssh", "sshd", "sshx", "sysdig",
	}
	trueNames    = []string{"curl", "nc", "ncx", "nmap", "nmapx", "useradd", "userad"}
	busyboxNames = []string{
		"apt", "aptx", "base64", "chmod", "chroot", "cp", "crontab", "debugfs", "find", "grep", "ip", "kubectl", "kubectx", "ln",
		"mkdir", "mknod", "mount", "mv",
		"nc", "nmap", "pkexec", "rm", "rsync", "shred", "sudoedit", "tar", "umount", "unshare", "wget", "xmrig", "xmrigx",
	}
	folders = []string{
		"etc/apt/sources.list.d", "etc/apx", "mnt", "root/.aws", "root/.cache", "root/notes", "tmp",
		"usr/bin", "usr/local/bin", "usr/local/share",
		"var/lib/rp", "var/lib/rpm", "var/log", "var/lug",
	}
)

// stage has the sensor with all rules of some files, a container that may do everything, and another that may do little.
type stage struct {
	dir       string
	sensor    *testutil.Sensor
	container *testutil.Container
	// alerts and what an attempt wrote, by the attempt's tag.
	alerts  map[string][]*testutil.Alert
	outcome map[string]string
}

const image = "registry.example.org/team/trial:1"

func newStage(t *testing.T, files []string) *stage {
	t.Helper()
	c := testutil.StartContainerd(t)
	c.ImportBusybox(t, "default", image, imageFiles()...)
	s := &stage{dir: linkFolder(t), alerts: map[string][]*testutil.Alert{}, outcome: map[string]string{}}
	args := []string{
		"-r", s.markers(t), "-o", "rule_matching=all", "-o", "rules[].enable.rule=*",
		"-o", "container_engines.containerd.sockets[0]=" + c.Socket,
		"-o", "append_output[0].extra_fields[].trial=%proc.env[" + tagVar + "]", "-o", "append_output[0].extra_fields[]=proc.name",
	}
	for _, f := range files {
		args = append(args, "-r", f)
	}
	s.sensor = testutil.StartSensor(t, sensorBinary, args...)
	s.startContainer(t, c)
	c.Run(t, testutil.ContainerSpec{
		Namespace: "default", ID: testutil.HexID("plain"), Image: image,
		Args:    []string{"/bin/sh", "-c", "/bin/debugfs; /bin/mount -t tmpfs x /mnt; true"},
		Options: []oci.SpecOpts{oci.WithUIDGID(1000, 1000), oci.WithEnv([]string{tagVar + "=" + plainTag})},
	})
	return s
}

func imageFiles() []testutil.File {
	files := []testutil.File{
		{Name: "etc/shadow", Content: "root:x\n"}, {Name: "root/.ssh/id_rsa", Content: "key\n"},
		{Name: "root/.bashrc"}, {Name: "root/.bash_history"}, {Name: "root/.bash_histori"},
	}
	for _, name := range busyboxNames {
		files = append(files, testutil.File{Name: "bin/" + name, Link: "busybox"})
	}
	for _, name := range folders {
		files = append(files, testutil.File{Name: name + "/.keep"})
	}
	return files
}

// startContainer starts the container in which the scripts run, with a network of its own.
func (s *stage) startContainer(t *testing.T, c *testutil.Containerd) {
	t.Helper()
	s.container = c.Create(t, testutil.ContainerSpec{
		Namespace: "default", ID: testutil.HexID("privileged"), Image: image, Args: []string{"/bin/sleep", "1000"},
		Options: []oci.SpecOpts{
			oci.WithPrivileged, oci.WithAllCurrentCapabilities, oci.WithEnv([]string{tagVar + "=" + privilegedTag}),
			oci.WithLinuxNamespace(specs.LinuxNamespace{Type: specs.NetworkNamespace}),
			oci.WithMounts([]specs.Mount{{Type: "bind", Source: "/", Destination: "/host", Options: []string{"rbind", "rprivate"}}}),
		},
	})
	s.container.Start(t)
	script := "/bin/ip link set lo up"
	for _, a := range []string{public, metadata, metadataNear, private} {
		script += " && /bin/ip address add " + a + "/32 dev lo"
	}
	if out, code := s.container.Exec(t, testutil.ExecSpec{Args: []string{"/bin/sh", "-c", script}}); code != 0 {
		t.Fatalf("set up the container's network: %s", out)
	}
}

// linkFolder makes a folder that any user may enter.
func linkFolder(t *testing.T) string {
	t.Helper()
	dir, err := os.MkdirTemp("/tmp", "saker-upstream-")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	own, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	if err := os.Chmod(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	// A copy, because the test binary's own folder is closed to other users.
	if out, err := exec.Command("cp", own, dir+"/act").CombinedOutput(); err != nil {
		t.Fatalf("copy the test binary: %v\n%s", err, out)
	}
	for to, names := range map[string][]string{"act": actNames, "/bin/true": trueNames} {
		for _, name := range names {
			if err := os.Symlink(to, filepath.Join(dir, name)); err != nil {
				t.Fatal(err)
			}
		}
	}
	return dir
}

// markers is a rule file with a rule for each ring, whose alerts come after those of everything before.
func (s *stage) markers(t *testing.T) string {
	t.Helper()
	return testutil.RulesFile(t, fmt.Sprintf(`
- rule: marker open
  desc: d
  condition: evt.type = openat and fd.name = %[1]s/marker
  output: o
  priority: NOTICE
- rule: marker exec
  desc: d
  condition: evt.type = execve and proc.args = %[1]s/marker
  output: o
  priority: NOTICE
`, s.dir))
}

// run carries out an attempt under a tag, unless it has one.
func (s *stage) run(t *testing.T, tag string, a attempt) {
	t.Helper()
	if a.tag != "" {
		return
	}
	act := s.dir + "/act act"
	env := []string{tagVar + "=" + tag, "DIR=" + s.dir}
	var out string
	var code int
	if a.onHost {
		cmd := exec.Command("/bin/sh", "-c", strings.ReplaceAll(a.script, "ACT", act))
		cmd.Env = append(env, "PATH=/usr/bin:/bin")
		text, _ := cmd.CombinedOutput()
		out, code = string(text), cmd.ProcessState.ExitCode()
	} else {
		const chroot = "/bin/chroot /host "
		spec := testutil.ExecSpec{
			Args: []string{"/bin/sh", "-c", strings.NewReplacer("ACT", chroot+act, "IN", chroot+s.dir).Replace(a.script)},
			Env:  env, Terminal: a.terminal, UID: a.uid,
		}
		if a.unprivileged {
			spec.Capabilities = []string{"CAP_SYS_CHROOT"}
		}
		out, code = s.container.Exec(t, spec)
	}
	s.outcome[tag] = fmt.Sprintf("exit code %d: %s", code, strings.TrimSpace(out))
}

// collect reads alerts until those on all that has happened so far are there, and one for each expectation.
func (s *stage) collect(t *testing.T, expected func() (missing int)) {
	t.Helper()
	if err := exec.Command("/bin/cat", s.dir+"/marker").Run(); err == nil {
		t.Fatal("there is a file where none should be")
	}
	deadline := time.After(time.Minute)
	for open, exec := false, false; !open || !exec || expected() > 0; {
		select {
		case line, ok := <-s.sensor.Lines:
			if !ok {
				t.Fatal("the sensor ended")
			}
			a := s.sensor.Parse(line)
			open, exec = open || a.Rule == "marker open", exec || a.Rule == "marker exec"
			tag := a.Field("trial")
			s.alerts[tag] = append(s.alerts[tag], a)
		case <-deadline:
			if !open || !exec {
				t.Fatal("the sensor did not see the markers")
			}
			return
		}
	}
}

// of returns the alerts of a rule that an attempt caused.
func (s *stage) of(tag, rule string) (of []*testutil.Alert) {
	for _, a := range s.alerts[tag] {
		if a.Rule == rule {
			of = append(of, a)
		}
	}
	return of
}

func like(got, want string) bool {
	if before, any := strings.CutSuffix(want, "*"); any {
		return got != "<nil>" && strings.HasPrefix(got, before)
	}
	return got == want
}
