package k8saudit

import (
	"context"
	"errors"
	"io"
	"path/filepath"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/saker-sensor/saker/internal/event"
	"github.com/saker-sensor/saker/internal/field"
	"github.com/saker-sensor/saker/internal/source/document"
	"github.com/saker-sensor/saker/internal/source/sourcetest"
	"github.com/saker-sensor/saker/internal/testutil"
)

// TestFields: every field of every event has the value that Falco's plugin gives, and no other field has one.
func TestFields(t *testing.T) {
	want := sourcetest.Vectors(t, "ka-fields.jsonl")
	paths, err := filepath.Glob(testutil.Shared(t, "plugin-vectors/k8saudit") + "/*.json")
	if err != nil {
		t.Fatal(err)
	}
	var got []map[string]any
	malformed := 0
	fields := Fields()
	for _, path := range paths {
		for _, bad := range read(t, path, func(ev *event.Event) { got = append(got, sourcetest.Values(fields, ev)) }) {
			t.Log(bad)
			malformed++
		}
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("-Falco's plugin +ours\n%s", diff)
	}
	if malformed != 1 {
		t.Errorf("malformed documents: got %d, want that of fal_01_003.json alone", malformed)
	}
}

// TestNames: there are the plugin's fields, with its types and arguments.
func TestNames(t *testing.T) {
	want, got := sourcetest.Fields(t, "fields-k8saudit.txt"), sourcetest.Shapes(Fields())
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("-Falco's plugin +ours\n%s", diff)
	}
	want, got = sourcetest.Fields(t, "fields-json.txt"), sourcetest.Shapes(document.Fields())
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("-Falco's plugin json +ours\n%s", diff)
	}
}

// read calls f with each event of a file or folder, and returns what was malformed.
func read(t *testing.T, path string, f func(*event.Event)) (malformed []error) {
	t.Helper()
	r, err := Open(DefaultSettings(), path)
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	for {
		ev, err := r.Next(context.Background())
		var bad *document.Malformed
		switch {
		case errors.Is(err, io.EOF):
			return malformed
		case errors.As(err, &bad):
			malformed = append(malformed, err)
		case err != nil:
			t.Fatal(err)
		default:
			f(ev)
		}
	}
}

// TestArguments: fields with arguments, which no vector has, as the plugin's code gives them.
func TestArguments(t *testing.T) {
	const doc = `{"kind":"Event","auditID":"1","stageTimestamp":"2026-08-01T10:00:00Z","requestURI":"/exec?command=id&command=ls",
"a":{"b/c":[1,"x"]},
"requestObject":{"spec":{"volumes":[{"name":"v","hostPath":{"path":"/etc/x"}},{"name":"w","emptyDir":{}}],
"containers":[{"name":"a","image":"r:5000/x@sha256:1","command":["sh","-c"],"securityContext":{"runAsUser":7}},
{"name":"b","image":"y:1"}]}}}`
	want := map[string]string{
		"ka.uri.param[command]": "id", "ka.uri.param[none]": "<NA>",
		"ka.req.volume.hostpath[/etc/*]": "true", "ka.req.volume.hostpath[/etc]": "false",
		"ka.req.pod.containers.image[1]": "(y:1)", "ka.req.pod.containers.image[2]": "<NA>", "ka.req.pod.containers.image.repository": "(r,y)",
		"ka.req.pod.containers.command": "(sh -c)", "ka.req.pod.containers.run_as_user": "(7)", "ka.req.pod.containers.eff_run_as_user": "(0,0)",
		"ka.req.pod.volumes.volume_type": "(hostPath,emptyDir)", "ka.req.pod.volumes.volume_type[1]": "(emptyDir)",
		"ka.req.binding.subject.has_name[x]": "true", "json.value[/a/b~1c/1]": "x", "jevt.value[/a/b~1c/0]": "1", "json.value[/a/none]": "<NA>",
		"jevt.rawtime": "1785578400000000000", "evt.source": "k8s_audit", "evt.pluginname": "k8saudit",
	}
	dict := field.Documents(field.Settings{}, field.Source{
		Name: "k8s_audit", Plugin: "k8saudit", Info: Info, Fields: append(Fields(), document.Fields()...),
	})
	r := Reader{origin: &files{}}
	r.now.body = []byte(doc)
	if err := r.parse(); err != nil {
		t.Fatal(err)
	}
	ev, err := r.Next(context.Background())
	if err != nil {
		t.Fatal(err)
	}
	for name, text := range want {
		if got := sourcetest.Print(t, dict, name, ev); got != text {
			t.Errorf("%s: got %q, want %q", name, got, text)
		}
	}
	for _, wrong := range []string{"ka.uri.param", "ka.verb[0]", "ka.req.service.ports[x]", "proc.name"} {
		name, arg, hasArg := wrong, "", false
		if i := len(wrong) - 3; wrong[i] == '[' {
			name, arg, hasArg = wrong[:i], wrong[i+1:i+2], true
		}
		if _, err := dict.Lookup(name, arg, hasArg); err == nil {
			t.Errorf("%s is accepted", wrong)
		}
	}
}
