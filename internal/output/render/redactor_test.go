package render

import (
	"encoding/json"
	"math/rand/v2"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/saker-sensor/saker/internal/event"
	"github.com/saker-sensor/saker/internal/field"
)

func newRedactor(t testing.TB, s RedactorSettings) *Redactor {
	t.Helper()
	r, err := NewRedactor(s)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// secretTexts have each secret in «», which the tests take out.
var secretTexts = []string{
	"mysql --user=root --password=«hunter2» shop",
	"mysql --password «hunter2» shop",
	"mysql -u root -p«hunter2» shop", "mysqldump -p«hunter2»", "sh -c mysql -uroot -p«hunter2» <dump",
	"/usr/bin/mariadb-admin -h db -p«x» ping",
	"PGPASSWORD=«hunter2» psql -h db", "env MYSQL_PWD=«hunter2» DB_PASS=«x» PATH=/bin PWD=/root OLDPWD=/ mysqld",
	`sh -c PASSWORD="«with a blank»" run`, "sh -c PASSWORD='«with a blank»' run", `PASSWORD="«cut off»`,
	"curl https://h/?api_key=«abc»&page=2", "curl https://h/?page=2&access_token=«abc»#top", "curl -d user=me&password=«x» h",
	"app --api-key «abc» --verbose", "app --ApiKey=«abc»", "app -token «abc»", "app --db.secret=«abc»",
	"kubeadm join 10.0.0.1:6443 --token «abcdef.0123456789abcdef»",
	"kubectl create secret generic db --from-literal=password=«x»", "STRIPE_KEY=«abc» node app.js",
	"curl -H Authorization: Bearer «abc.def» https://h/", "curl -H authorization:Basic «dXNlcjpwYXNz» h", "curl -H Authorization: «abc» h",
	"x bearer «0123456789»",
	"curl -H X-Api-Key: «abc» h", "curl -H X-Vault-Token:«abc» h", "curl -H PRIVATE-TOKEN: «abc» h", "curl -u me:«pass» h",
	"curl --user me:«pass» h",
	"git clone https://me:«token»@example.org/r.git", "redis://:«p@ss»@cache:6379/0", "redis-cli -h cache -a «x» ping",
	"sshpass -p «x» ssh h", "sshpass -p«x» ssh h", "openssl rsa -in k -passin pass:«x» -out o",
	`{"user": "me", "Password" : "«a\"b»", "n": 1}`,
	"AWS_ACCESS_KEY_ID=AKIAIOSFODNN7EXAMPLE AWS_SECRET_ACCESS_KEY=«wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY» aws s3 ls",
	"aws configure set aws_secret_access_key «wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY»",
	"echo AKIAIOSFODNN7EXAMPLE:«wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY» > /etc/passwd-s3fs",
	"login «eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxIn0.c2lnbmF0dXJl» now", "echo «ghp_0123456789abcdefghijABCDEFGHIJ012345»",
	"echo «github_pat_0123456789abcdefghijABCDE»",
	"echo «glpat-0123456789abcdefghij»", "echo «xoxb-123456789012-abcdef»", "curl https://hooks.slack.com/services/«T000/B000/XXXX»",
	"echo -----BEGIN RSA PRIVATE KEY-----«\nMIIE\n»-----END RSA PRIVATE KEY-----", "echo -----BEGIN OPENSSH PRIVATE KEY-----«b3Blbn»",
}

func TestRedactDefaults(t *testing.T) {
	for _, text := range secretTexts {
		var count atomic.Uint64
		r := newRedactor(t, RedactorSettings{Defaults: true, Count: &count})
		var want strings.Builder
		secrets, rest := uint64(0), text
		for {
			before, after, found := strings.Cut(rest, "«")
			want.WriteString(before)
			if !found {
				break
			}
			secrets++
			want.WriteString(redacted)
			_, rest, _ = strings.Cut(after, "»")
		}
		got := r.Text(strings.NewReplacer("«", "", "»", "").Replace(text))
		if got != want.String() || count.Load() != secrets {
			t.Errorf("%s:\n got %s (%d secrets)\nwant %s (%d)", text, got, count.Load(), want.String(), secrets)
		}
		if again := r.Text(got); again != got {
			t.Errorf("once more: %s became %s", got, again)
		}
	}
}

// TestRedactNothing: texts that look a little like secrets stay.
func TestRedactNothing(t *testing.T) {
	r := newRedactor(t, RedactorSettings{Defaults: true})
	for _, text := range []string{
		"", "cat /etc/passwd", "cat /etc/shadow", "passwd root", "vi /etc/passwd:12", "docker run -v /etc/passwd:/etc/passwd app",
		"find / -name id_rsa",
		"grep -r -l BEGIN RSA PRIVATE /tmp", "PWD=/root OLDPWD=/", "app --max-tokens=100 --bypass=1",
		"app --password-file /run/secrets/db --token-ttl=5m",
		"app --password", "app --no-password --host db", "mysql -p shop", "mysql --password --host db", "ps -p1", "mkdir -p /a",
		"sort -k2 --key=2", "token bucket",
		"ls https://example.org:8080/a@b", "ssh me@host:22", "registry.example.org/vault-token:1.2", "vim secret.txt", "kubectl get secret db",
		"TZ=Asia/Tokyo date",
		"9f86d081884c7d659a2feaa0c55ad015a3bf4f1b", "eyJ.eyJ", "ghp_short", "foxox-1",
	} {
		if got := r.Text(text); got != text {
			t.Errorf("%s became %s", text, got)
		}
	}
}

func TestRedactPatterns(t *testing.T) {
	r := newRedactor(t, RedactorSettings{Patterns: []string{`(?i)pin[= ](\d+)`, `card \d{4}`, `a(b)|c(d)`, `((x)y)z`}})
	for text, want := range map[string]string{
		"PIN 1234 pin=5": "PIN [redacted] pin=[redacted]", "card 1234 of": "[redacted] of", "ab cd": "a[redacted] c[redacted]",
		"xyz":          "[redacted]z",
		"--password=x": "--password=x",
	} {
		if got := r.Text(text); got != want {
			t.Errorf("%s: got %s, want %s", text, got, want)
		}
	}
	if got := (*Redactor)(nil).Text("--password=x"); got != "--password=x" {
		t.Errorf("no redactor: got %s", got)
	}
	for _, bad := range [][]string{{"("}, {"x*"}, make([]string, maxPatterns+1)} {
		if _, err := NewRedactor(RedactorSettings{Patterns: bad}); err == nil {
			t.Errorf("%q are accepted", bad)
		}
	}
}

// TestScreen: it finds what a search for each literal finds.
func TestScreen(t *testing.T) {
	const seed = 1
	rnd := rand.New(rand.NewPCG(seed, seed))
	text := func(letters string, n int) string {
		b := make([]byte, n)
		for i := range b {
			b[i] = letters[rnd.IntN(len(letters))]
		}
		return string(b)
	}
	for range 300 {
		var sets [][]string
		for range 1 + rnd.IntN(8) {
			var literals []string
			for range 1 + rnd.IntN(3) {
				literals = append(literals, text("ab-", 1+rnd.IntN(5)))
			}
			sets = append(sets, literals)
		}
		s := newScreen(sets)
		for range 20 {
			in := text("aAbB-x", rnd.IntN(20))
			var want uint64
			for i, literals := range sets {
				for _, l := range literals {
					if strings.Contains(strings.ToLower(in), l) {
						want |= 1 << i
					}
				}
			}
			if got := s.sets(in); got != want {
				t.Fatalf("%q in %q: got %b, want %b", sets, in, got, want)
			}
		}
	}
}

// secretEvent has secrets wherever an alert may show them.
func secretEvent() *event.Event {
	ev := goldenEvent()
	ev.Matched = event.NameGiven
	ev.File.Given = "/tmp/token=hunter2"
	ev.Process.Cmdline = `mysql --password=hunter2 -h db "x"`
	ev.Process.Args = `--password=hunter2 -h db "x"`
	ev.Process.ArgList = []string{"--password=hunter2", "-h", "db", "cGFzc3dvcmQ9aHVudGVyMg=="}
	ev.Process.Env = []string{"HOME=/root", "DB_PASSWORD=hunter2", "SIGNING_KEY=hunter2"}
	return ev
}

// TestRedactAlerts: no form of an alert shows a secret, and the event stays as it is.
func TestRedactAlerts(t *testing.T) {
	rule := Rule{Name: "r", Priority: "Notice", Source: SourceSyscall,
		Output: "cmd=%proc.cmdline args=%proc.args env=%proc.env one=%proc.env[DB_PASSWORD] " +
			"home=%proc.env[HOME] none=%proc.env[NO_TOKEN] name=%fd.name up=%toupper(proc.cmdline) b64=%b64(proc.args[3]) join=%join(\" \", " +
			"(proc.args, fd.name)) 22=%22proc.cmdline|"}
	for _, opt := range []Options{{}, {JSON: true, IncludeOutput: true, IncludeMessage: true, IncludeOutputFields: true}} {
		var count atomic.Uint64
		opt.Redactor = newRedactor(t, RedactorSettings{Defaults: true, Count: &count})
		opt.Append = []Append{{Fields: []AppendField{{Key: "evt.arg.name"},
			{Key: "own", Text: "signed with %proc.env[SIGNING_KEY] by %proc.cmdline"}}}}
		a, err := NewAlert(rule, field.Syscall(), opt)
		if err != nil {
			t.Fatal(err)
		}
		ev := secretEvent()
		got := string(a.Append(nil, ev))
		if strings.Contains(strings.ToLower(got), "hunter2") {
			t.Errorf("a secret is shown: %s", got)
		}
		if diff := cmp.Diff(secretEvent(), ev); diff != "" {
			t.Errorf("the event was changed: %s", diff)
		}
		if count.Load() == 0 {
			t.Error("nothing was counted")
		}
		const wantText = `Notice cmd=mysql --password=[redacted] -h db \"x\" args=--password=[redacted] -h db \"x\" env=HOME=/root ` +
			`DB_PASSWORD=[redacted] SIGNING_KEY=[redacted] ` +
			`one=[redacted] home=/root none= name=/tmp/token=[redacted] up=MYSQL --PASSWORD=[REDACTED] -H DB \"X\" b64=password=[redacted] ` +
			`join=--password=[redacted] -h db \"x\" /tmp/token=[redacted] 22=mysql --password=[reda|`
		if !strings.Contains(got, wantText) {
			t.Errorf("got %s\nwant %s", got, wantText)
		}
		if !opt.JSON {
			continue
		}
		var fields struct {
			Fields map[string]any `json:"output_fields"`
		}
		if err := json.Unmarshal([]byte(got), &fields); err != nil {
			t.Fatal(err)
		}
		for key, want := range map[string]string{
			"proc.cmdline": `mysql --password=[redacted] -h db "x"`, "proc.env[DB_PASSWORD]": redacted, "proc.env[HOME]": "/root",
			"proc.env[NO_TOKEN]": "",
			"own":                `signed with [redacted] by mysql --password=[redacted] -h db "x"`,
		} {
			if fields.Fields[key] != want {
				t.Errorf("%s: got %v, want %s", key, fields.Fields[key], want)
			}
		}
	}
}

func TestRedactInternalAlert(t *testing.T) {
	a := Internal{Rule: "r", Priority: "Debug", Message: "Lost.", Fields: map[string]any{"proc.cmdline": "mysql --password=hunter2"}}
	for _, opt := range []Options{{}, {JSON: true}} {
		opt.Redactor = newRedactor(t, RedactorSettings{Defaults: true})
		if got := string(a.Append(nil, opt)); !strings.Contains(got, "mysql --password=[redacted]") {
			t.Errorf("got %s", got)
		}
	}
}

// TestRedactKeepsFalcosBytes: an alert without a secret is the same with and without redaction.
func TestRedactKeepsFalcosBytes(t *testing.T) {
	opt := DefaultOptions()
	opt.JSON, opt.IncludeMessage = true, true
	rule := Rule{Name: "r", Priority: "Notice", Source: SourceSyscall,
		Output: "password=%proc.name token: %fd.name %proc.cmdline %evt.arg.flags"}
	var lines []string
	for _, r := range []*Redactor{nil, newRedactor(t, RedactorSettings{Defaults: true})} {
		opt.Redactor = r
		a, err := NewAlert(rule, field.Syscall(), opt)
		if err != nil {
			t.Fatal(err)
		}
		lines = append(lines, string(a.Append(nil, goldenEvent())))
	}
	if diff := cmp.Diff(lines[0], lines[1]); diff != "" {
		t.Error(diff)
	}
}

func FuzzRedact(f *testing.F) {
	for _, text := range secretTexts {
		f.Add(text)
	}
	r, err := NewRedactor(RedactorSettings{Defaults: true})
	if err != nil {
		f.Fatal(err)
	}
	f.Fuzz(func(t *testing.T, text string) {
		got := r.Text(text)
		if !strings.Contains(got, redacted) && got != text {
			t.Errorf("%q became %q", text, got)
		}
		// Whatever stands before it, an option's value is gone.
		if got := r.Text(text + " --password=hunter2"); strings.Contains(got, "--password=hunter2") {
			t.Errorf("a secret is left in %q", got)
		}
	})
}

// BenchmarkAlert renders a JSON alert.
func BenchmarkAlert(b *testing.B) {
	rule := Rule{Name: "Read sensitive file", Priority: "Warning", Source: SourceSyscall, Tags: []string{"a", "b"},
		Output: "Sensitive file opened for reading | " +
			"file=%fd.name gparent=%proc.aname[2] evt_type=%evt.type user=%user.name user_uid=%user.uid process=%proc.name " +
			"proc_exepath=%proc.exepath " +
			"parent=%proc.pname command=%proc.cmdline terminal=%proc.tty"}
	for name, r := range map[string]*Redactor{"plain": nil, "redact": newRedactor(b, RedactorSettings{Defaults: true})} {
		for what, ev := range map[string]*event.Event{"nothing": goldenEvent(), "secret": secretEvent()} {
			b.Run(name+"/"+what, func(b *testing.B) {
				opt := DefaultOptions()
				opt.JSON, opt.Redactor = true, r
				a, err := NewAlert(rule, field.Syscall(), opt)
				if err != nil {
					b.Fatal(err)
				}
				ev.Process.ExePath = "/usr/bin/mysql"
				var line []byte
				b.ReportAllocs()
				for b.Loop() {
					line = a.Append(line[:0], ev)
				}
			})
		}
	}
}
