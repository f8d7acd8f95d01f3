package config

import (
	"fmt"
	"net/netip"
	"net/url"
	"path/filepath"
	"reflect"
	"regexp"
	"slices"
	"strings"
	"time"
)

// staticName is what may follow "static." in a condition.
var staticName = regexp.MustCompile(`^[A-Za-z][A-Za-z0-9_]*(\.[A-Za-z][A-Za-z0-9_]*)*$`)

// meaning checks what no single key shows. The configuration was decoded from the tree.
func (c *checker) meaning(cfg *Config, root *node) {
	at := func(path ...string) origin {
		n := root
		for _, p := range path {
			if next := n.get(p); next != nil {
				n = next
			}
		}
		return n.from
	}
	for _, p := range root.get("static_fields").entries() {
		if !staticName.MatchString(p.key) {
			c.fail(p.at, "static_fields: %q can't be a field's name; use letters, digits and _", p.key)
		}
	}
	for i, r := range cfg.Rules {
		for _, m := range []*RuleMatch{r.Enable, r.Disable} {
			if m != nil && m.Rule == "" && m.Tag == "" {
				c.fail(root.get("rules").items[i].from, "rules[%d]: neither a rule nor a tag is named", i)
			}
		}
	}
	for i, w := range cfg.Deduplication.Rules {
		if w.Rule == "" && w.Tag == "" {
			c.fail(root.get("deduplication").get("rules").items[i].from, "deduplication.rules[%d]: neither a rule nor a tag is named", i)
		}
	}
	c.patterns(cfg, root)
	for i, n := range root.get("load_plugins").elements() {
		name := cfg.LoadPlugins[i]
		if !slices.ContainsFunc(cfg.Plugins, func(p Plugin) bool { return p.Name == name }) {
			c.fail(n.from, "load_plugins: %s is not among plugins; add an entry of that name", name)
		}
	}
	if kind := strings.ToLower(cfg.Engine.Kind); !contains([]string{"modern_ebpf", "kmod", "ebpf", KindReplay, KindNone}, kind) {
		c.fail(at("engine", "kind"), "engine.kind: Saker has no engine %s; use modern_ebpf", kind)
	} else if kind == KindReplay {
		if cfg.Engine.Kind = kind; cfg.Engine.Replay.CaptureFile == "" {
			c.fail(at("engine", "kind"), "engine.kind: replay needs a file; set engine.replay.capture_file")
		}
	} else if kind == KindNone {
		cfg.Engine.Kind = kind
	} else if kind != "modern_ebpf" {
		c.notes = append(c.notes, fmt.Sprintf("%s: engine.kind %s does not apply: Saker brings its own kernel programs", at("engine", "kind"),
			kind))
	}
	if addr := cfg.Webserver.ListenAddress; !validAddress(addr) {
		c.fail(at("webserver", "listen_address"), "webserver.listen_address: %q is no IP address", addr)
	}
	if path := cfg.Webserver.HealthzEndpoint; !strings.HasPrefix(path, "/") {
		c.fail(at("webserver", "k8s_healthz_endpoint"), "webserver.k8s_healthz_endpoint: %q does not begin with /", path)
	}
	if d := cfg.Guard.CanaryInterval; d < time.Second {
		c.fail(at("guard", "canary_interval"), "guard.canary_interval: %v is less than 1s", d)
	}
	if a := cfg.Kubernetes.Kubelet.Address; a != "" && !validKubelet(a) {
		c.fail(at("kubernetes", "kubelet", "address"), "kubernetes.kubelet.address: %q is not of the form https://HOST:PORT", a)
	}
	if d := cfg.Kubernetes.Kubelet.Interval; d < time.Second {
		c.fail(at("kubernetes", "kubelet", "interval"), "kubernetes.kubelet.interval: %v is less than 1s", d)
	}
	if path := cfg.Top.Socket; path != "" && (!filepath.IsAbs(path) || len(path) > maxSocketPath) {
		c.fail(at("top", "socket"), "top.socket: %q is no absolute path of at most %d bytes", path, maxSocketPath)
	}
	if path := cfg.Guard.StateFile; path != "" && !filepath.IsAbs(path) {
		c.fail(at("guard", "state_file"), "guard.state_file: %q is no absolute path", path)
	}
	if dir := cfg.Spool.Directory; !filepath.IsAbs(dir) {
		c.fail(at("spool", "directory"), "spool.directory: %q is no absolute path", dir)
	}
	if contains(cfg.Drops.Actions, "ignore") && (contains(cfg.Drops.Actions, "log") || contains(cfg.Drops.Actions, "alert")) {
		c.fail(at("syscall_event_drops", "actions"), "syscall_event_drops.actions: ignore makes no sense beside log or alert; take one out")
	}
	for _, s := range []struct {
		on                  bool
		section, key, value string
	}{
		{cfg.File.Enabled, "file_output", "filename", cfg.File.Filename},
		{cfg.Program.Enabled, "program_output", "program", cfg.Program.Program},
		{cfg.HTTP.Enabled, "http_output", "url", cfg.HTTP.URL},
	} {
		if s.on && s.value == "" {
			c.fail(at(s.section), "%s is on, but has no %s; set %s.%s", s.section, s.key, s.section, s.key)
		}
	}
}

// maxSocketPath is the kernel's bound, without the NUL (unix(7)).
const maxSocketPath = 107

// maxPatterns bounds redaction.patterns.
const maxPatterns = 32

// patterns checks those of redaction.
func (c *checker) patterns(cfg *Config, root *node) {
	n := root.get("redaction").get("patterns")
	if len(cfg.Redaction.Patterns) > maxPatterns {
		c.fail(n.from, "redaction.patterns: %d are too many; use at most %d", len(cfg.Redaction.Patterns), maxPatterns)
	}
	for i, p := range cfg.Redaction.Patterns {
		expr, err := regexp.Compile(p)
		if err != nil {
			c.fail(n.elements()[i].from, "redaction.patterns[%d]: %v; write it in RE2's syntax", i, err)
		} else if expr.MatchString("") {
			c.fail(n.elements()[i].from, "redaction.patterns[%d]: %q fits an empty text; name what surrounds the secret", i, p)
		}
	}
}

func validKubelet(s string) bool {
	u, err := url.Parse(s)
	return err == nil && u.Scheme == "https" && u.Host != "" && strings.Trim(u.Path, "/") == "" && u.RawQuery == ""
}

func validAddress(s string) bool {
	_, err := netip.ParseAddr(strings.TrimSpace(s))
	return err == nil
}

// notYetUsed notes keys whose feature is to come, where they ask for more than the default does: a section that is on,
// or another value.
func (c *checker) notYetUsed(cfg *Config, root *node) {
	standard := Default()
	for i := range c.table.keys {
		k := &c.table.keys[i]
		if above := c.table.byName[parent(k.name)]; k.effect != notYet || above != nil && above.effect == notYet {
			continue
		}
		now, before := fieldOf(cfg, k.name), fieldOf(&standard, k.name)
		if !now.IsValid() || now.Kind() == reflect.Map && now.Len() == 0 || reflect.DeepEqual(now.Interface(), before.Interface()) {
			continue
		}
		if now.Kind() == reflect.Struct {
			if on := now.FieldByName("Enabled"); on.IsValid() && !on.Bool() {
				continue
			}
		}
		c.notes = append(c.notes, fmt.Sprintf("%s: %s is accepted, but has no effect yet: %s", root.place(k.name), k.name, k.why))
	}
}
