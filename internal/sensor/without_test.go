package sensor

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"go.uber.org/zap"
	"go.uber.org/zap/zaptest/observer"

	"github.com/saker-sensor/saker/internal/config"
	"github.com/saker-sensor/saker/internal/testutil"
)

const documentRules = `
- list: verbs
  items: [create]
- rule: Audit
  desc: of the API server
  condition: ka.verb in (verbs) and jevt.value[/stage] = ResponseComplete
  output: "%evt.source %ka.user.name made %ka.target.resource %evt.type.is"
  priority: NOTICE
  source: k8s_audit
- rule: Trail
  desc: of AWS
  condition: ct.name = ConsoleLogin and not json.value[/additionalEventData/MFAUsed] = Yes
  output: "%evt.num %ct.user from %ct.srcip"
  priority: CRITICAL
  source: aws_cloudtrail
  tags: [aws]
- rule: Syscall
  desc: of the kernel
  condition: evt.type = execve
  output: "%proc.name"
  priority: NOTICE
`

const login = `{"Records":[{"eventTime":"2026-08-01T10:00:00Z","eventType":"AwsConsoleSignIn","eventName":"ConsoleLogin",
"sourceIPAddress":"10.0.0.1",
"userIdentity":{"type":"IAMUser","userName":"alice"},"additionalEventData":{"MFAUsed":"No"}},{"eventType":"x"}]}`

func auditLine(verb, user string) string {
	return fmt.Sprintf(`{"kind":"Event","auditID":"1","stage":"ResponseComplete","stageTimestamp":"2026-08-01T10:00:00Z","verb":%q,`+
		`"user":{"username":%q},"objectRef":{"resource":"pods"}}`+"\n", verb, user)
}

// running is a sensor without the kernel that a test looks at.
type running struct {
	t      *testing.T
	lines  chan string
	hangup chan os.Signal
	end    context.CancelFunc
	ended  chan error
	log    *observer.ObservedLogs
	stderr strings.Builder
}

// start runs a sensor. It ends with the test.
func start(t *testing.T, cfg config.Config) *running {
	t.Helper()
	out, in := io.Pipe()
	core, logs := observer.New(zap.InfoLevel)
	r := &running{t: t, lines: make(chan string, 100), hangup: make(chan os.Signal), ended: make(chan error, 1), log: logs}
	var ctx context.Context
	ctx, r.end = context.WithTimeout(context.Background(), 2*time.Minute)
	go func() {
		for scan := bufio.NewScanner(out); scan.Scan(); {
			r.lines <- scan.Text()
		}
		close(r.lines)
	}()
	go func() {
		r.ended <- Run(ctx, Settings{Config: cfg, Stdout: in, Stderr: &r.stderr, Log: zap.New(core), Hangup: r.hangup})
		_ = in.Close()
	}()
	return r
}

// alert is the next one.
func (r *running) alert() (a struct{ Rule, Source, Output string }) {
	r.t.Helper()
	line, ok := <-r.lines
	if !ok {
		r.t.Fatalf("the sensor has ended: %v", <-r.ended)
	}
	if err := json.Unmarshal([]byte(line), &a); err != nil {
		r.t.Fatal(line, err)
	}
	_, a.Output, _ = strings.Cut(a.Output, ": ") // without the time
	return a
}

func documentConfig(t *testing.T, rules string, plugins ...config.Plugin) config.Config {
	t.Helper()
	cfg := config.Default()
	cfg.Engine.Kind, cfg.JSONOutput, cfg.Webserver.Enabled, cfg.WatchFiles = config.KindNone, true, false, false
	cfg.RulesFiles, cfg.Plugins = []string{rules}, plugins
	for _, p := range plugins {
		cfg.LoadPlugins = append(cfg.LoadPlugins, p.Name)
	}
	return cfg
}

func writeFile(t *testing.T, path, text string) string {
	t.Helper()
	f, err := os.OpenFile(path, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	if _, err := f.WriteString(text); err != nil {
		t.Fatal(err)
	}
	return path
}

// TestSources: each source has its rules, none waits for another, and a reload exchanges the rules of all.
func TestSources(t *testing.T) {
	dir := t.TempDir()
	rules := writeFile(t, dir+"/rules.yaml", strings.ReplaceAll(documentRules, " %evt.type.is", ""))
	audit := writeFile(t, dir+"/audit.log", "")
	cfg := documentConfig(t, rules, config.Plugin{Name: "k8saudit", OpenParams: "file://" + audit},
		config.Plugin{Name: "cloudtrail", OpenParams: writeFile(t, dir+"/trail.json", login)})
	r := start(t, cfg)
	type alert = struct{ Rule, Source, Output string }
	if diff := cmp.Diff(alert{"Trail", "aws_cloudtrail", "Critical 1 alice from 10.0.0.1"}, r.alert()); diff != "" {
		t.Error(diff)
	}
	writeFile(t, audit, auditLine("create", "joe"))
	if diff := cmp.Diff(alert{"Audit", "k8s_audit", "Notice k8s_audit joe made pods"}, r.alert()); diff != "" {
		t.Error(diff)
	}
	writeFile(t, rules, "- list: verbs\n  items: [delete]\n  override: {items: replace}\n")
	r.hangup <- nil
	r.hangup <- nil // the first is served by then
	writeFile(t, audit, auditLine("create", "joe")+auditLine("delete", "ann"))
	if diff := cmp.Diff(alert{"Audit", "k8s_audit", "Notice k8s_audit ann made pods"}, r.alert()); diff != "" {
		t.Error(diff)
	}
	r.end()
	if err := <-r.ended; err != nil {
		t.Error(err)
	}
	for _, want := range []string{
		"Events detected: 3\n", "Source k8s_audit: 3 events, 0 documents malformed\n", "Source aws_cloudtrail: 1 events, 1 documents malformed\n",
	} {
		if !strings.Contains(r.stderr.String(), want) {
			t.Errorf("the summary lacks %q:\n%s", want, r.stderr.String())
		}
	}
	if n := r.log.FilterMessageSnippet("is no event of it").Len(); n != 1 {
		t.Errorf("malformed documents were told of %d times", n)
	}
}

// TestSourceEnds: a sensor whose sources have ended has ended.
func TestSourceEnds(t *testing.T) {
	dir := t.TempDir()
	rules := writeFile(t, dir+"/rules.yaml", strings.ReplaceAll(documentRules, " %evt.type.is", ""))
	trail := config.Plugin{Name: "cloudtrail", OpenParams: writeFile(t, dir+"/trail.json", login)}
	r := start(t, documentConfig(t, rules, trail))
	r.alert()
	if err := <-r.ended; err != nil {
		t.Error(err)
	}
	bad := trail
	bad.OpenParams, bad.Place = "/no/such/folder", "falco.yaml:3:5"
	err := <-start(t, documentConfig(t, rules, bad)).ended
	if err == nil || !strings.Contains(err.Error(), "falco.yaml:3:5") {
		t.Errorf("a folder that is not there: got %v", err)
	}
}

// TestSourceFields: a rule can't name the fields of another source, and one of a source that is not loaded is left out.
func TestSourceFields(t *testing.T) {
	dir := t.TempDir()
	trail := config.Plugin{Name: "cloudtrail", OpenParams: writeFile(t, dir+"/trail.json", login)}
	audit := config.Plugin{Name: "k8saudit", OpenParams: writeFile(t, dir+"/audit.log", "")}
	rules := writeFile(t, dir+"/rules.yaml", documentRules)
	err := <-start(t, documentConfig(t, rules, trail, audit)).ended
	if err == nil || !strings.Contains(err.Error(), "evt.type.is") {
		t.Errorf("a field of system calls in the output: got %v", err)
	}
	r := start(t, documentConfig(t, rules, trail))
	if got := r.alert().Rule; got != "Trail" {
		t.Errorf("got an alert of %s", got)
	}
	if err := <-r.ended; err != nil {
		t.Error(err)
	}
	if r.log.FilterMessage("rule file").FilterField(zap.String("code", "LOAD_UNKNOWN_SOURCE")).Len() != 1 {
		t.Error("nothing tells of the rule without a source")
	}
}

func TestEnabledSources(t *testing.T) {
	cfg := documentConfig(t, "", config.Plugin{Name: "k8saudit"})
	for _, c := range []struct {
		enable, disable []string
		want            string
	}{
		{[]string{"a"}, []string{"b"}, "You can not mix --enable-source and --disable-source"},
		{[]string{"a"}, nil, "Attempted enabling an unknown event source: a"},
		{nil, []string{"aws_cloudtrail"}, "Attempted disabling an unknown event source: aws_cloudtrail"},
		{nil, []string{"syscall", "k8s_audit"}, "Must enable at least one event source"},
		{[]string{"syscall"}, nil, "Must enable at least one event source"}, // engine.kind is nodriver
	} {
		cfg.Sources = config.SourceChoice{Enable: c.enable, Disable: c.disable}
		if err := Run(t.Context(), Settings{Config: cfg}); err == nil || err.Error() != c.want {
			t.Errorf("%v, %v: got %v, want %s", c.enable, c.disable, err, c.want)
		}
	}
}

// TestPublishedAuditRules: the published rules load unmodified, and fire on the documents that Falco's own tests have for them.
func TestPublishedAuditRules(t *testing.T) {
	cfg := documentConfig(t, testutil.Shared(t, "plugin-vectors/rules/k8s_audit_rules.yaml"),
		config.Plugin{Name: "k8saudit", OpenParams: testutil.Shared(t, "plugin-vectors/k8saudit")}, config.Plugin{Name: "json"})
	r := start(t, cfg)
	fired := map[string]int{}
	for line := range r.lines {
		var a struct{ Rule string }
		if err := json.Unmarshal([]byte(line), &a); err != nil {
			t.Fatal(err)
		}
		fired[a.Rule]++
	}
	if err := <-r.ended; err != nil {
		t.Fatal(err)
	}
	for _, rule := range []string{
		"Anonymous Request Allowed", "Attach to cluster-admin Role", "Attach/Exec Pod", "ClusterRole With Pod Exec Created",
		"ClusterRole With Wildcard Created", "ClusterRole With Write Privileges Created", "Create Disallowed Namespace",
		"Create HostNetwork Pod", "Create NodePort Service", "Create Privileged Pod", "Create Sensitive Mount Pod",
		"Create/Modify Configmap With Private Credentials", "Disallowed K8s User", "Pod Created in Kube Namespace",
		"Service Account Created in Kube Namespace", "System ClusterRole Modified/Deleted", "K8s ConfigMap Deleted", "K8s Secret Created",
	} {
		if fired[rule] == 0 {
			t.Errorf("%s did not fire", rule)
		}
	}
	t.Log(fired)
}

// adminRule is of one's own: who gets all rights.
const adminRule = `
- rule: Administrator Policy Attached
  desc: A user, group or role gets all rights.
  condition: >
    ct.src = iam.amazonaws.com and ct.name in (AttachUserPolicy, AttachGroupPolicy, AttachRolePolicy) and not ct.error exists
    and json.value[/requestParameters/policyArn] endswith :policy/AdministratorAccess
  output: "%ct.user attached AdministratorAccess to %ct.request.username"
  priority: WARNING
  source: aws_cloudtrail
`

// TestPublishedTrailRules: of CloudTrail's the console login without a second factor, all rights for a user, and the trail that is stopped.
func TestPublishedTrailRules(t *testing.T) {
	cfg := documentConfig(t, testutil.Shared(t, "plugin-vectors/rules/aws_cloudtrail_rules.yaml"),
		config.Plugin{Name: "cloudtrail", OpenParams: filepath.Join(testutil.Root(t), "internal/source/cloudtrail/testdata")},
		config.Plugin{Name: "json"})
	cfg.RulesFiles, cfg.RuleMatching = append(cfg.RulesFiles, writeFile(t, t.TempDir()+"/own.yaml", adminRule)), "all"
	r := start(t, cfg)
	var fired []string
	for line := range r.lines {
		var a struct{ Rule string }
		if err := json.Unmarshal([]byte(line), &a); err != nil {
			t.Fatal(err)
		}
		fired = append(fired, a.Rule)
	}
	if err := <-r.ended; err != nil {
		t.Fatal(err)
	}
	want := []string{
		"Console Login Without MFA", "Console Login Without MFA", "Console Root Login Without MFA", "Administrator Policy Attached",
		"CloudTrail Logging Disabled",
	}
	if diff := cmp.Diff(want, fired); diff != "" {
		t.Error(diff)
	}
}
