package cloudtrail

import (
	"context"
	"errors"
	"io"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/saker-sensor/saker/internal/event"
	"github.com/saker-sensor/saker/internal/field"
	"github.com/saker-sensor/saker/internal/source/document"
	"github.com/saker-sensor/saker/internal/source/sourcetest"
	"github.com/saker-sensor/saker/internal/testutil"
)

// TestFields: every field of every event has the value that Falco's plugin gives, and no other field has one. The documents of the later
// events are in testdata.
func TestFields(t *testing.T) {
	want := sourcetest.Vectors(t, "ct-fields.jsonl")
	fields := Fields()
	var got []map[string]any
	for _, path := range []string{testutil.Shared(t, "plugin-vectors/cloudtrail"), "testdata"} {
		read(t, path, func(ev *event.Event) { got = append(got, sourcetest.Values(fields, ev)) })
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("-Falco's plugin +ours\n%s", diff)
	}
}

// TestNames: there are the plugin's fields, with its types and arguments.
func TestNames(t *testing.T) {
	want, got := sourcetest.Fields(t, "fields-cloudtrail.txt"), sourcetest.Shapes(Fields())
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("-Falco's plugin +ours\n%s", diff)
	}
}

// read calls f with each event of a file or folder, and fails if anything there is malformed.
func read(t *testing.T, path string, f func(*event.Event)) {
	t.Helper()
	r, err := Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	for {
		ev, err := r.Next(context.Background())
		if errors.Is(err, io.EOF) {
			return
		}
		if err != nil {
			t.Fatal(err)
		}
		f(ev)
	}
}

// TestPluginFields: values that no vector has, as the plugin's code gives them.
func TestPluginFields(t *testing.T) {
	const record = `{"eventTime":"2026-08-01T10:00:00Z","eventType":"AwsApiCall","eventSource":"s3.amazonaws.com","eventName":"GetObject",
"awsRegion":"us-east-1","sourceIPAddress":"10.0.0.1","errorCode":"AccessDenied","readOnly":true,
"userIdentity":{"type":"AssumedRole","arn":"arn:aws:sts::1:assumed-role/admin/joe","sessionContext":{"sessionIssuer":{"userName":"admin"}}},
"requestParameters":{"bucketName":"b","key":"k",
"tagSpecificationSet":{"items":[{"resourceType":"instance","tags":[{"key":"Name","value":"web"}]}]}},
"additionalEventData":{"bytesTransferredIn":1.0,"bytesTransferredOut":33},"resources":[{"a":1},{"b":2}],
"sessionCredentialFromConsole":"yes",
"responseElements":{"instancesSet":{"items":[{"imageId":"ami-1"},{"imageId":"ami-2"}]}}}`
	want := map[string]string{
		"ct.user": "admin", "ct.originaluser": "joe", "ct.error": "AccessDenied", "ct.readonly": "true", "ct.resources": `{"a":1},{"b":2}`,
		"ct.sessioncredentialfromconsole": "false", "s3.uri": "s3://b/k", "ec2.name": "web", "ec2.imageid": "ami-1",
		"ct.info":        "admin via 10.0.0.1 !← GetObject Size=34 URI=s3://b/k",
		"evt.plugininfo": "us-east-1 admin s3 GetObject admin via 10.0.0.1 !← GetObject Size=34 URI=s3://b/k",
		"evt.source":     "aws_cloudtrail", "evt.pluginname": "cloudtrail", "json.value[/requestParameters/key]": "k",
		"ec2.imageids": "(ami-1,ami-2)", "ec2.imageids[1]": "(ami-2)", "s3.bytes": "34", "s3.cnt.get": "1", "s3.cnt.other": "<NA>",
		"ct.request.documentname": "<NA>", "ct.user.accountid": "<NA>", "evt.time.iso8601": "2026-08-01T10:00:00.000000000+0000",
	}
	dict := field.Documents(field.Settings{}, field.Source{
		Name: "aws_cloudtrail", Plugin: "cloudtrail", Info: Info, Fields: append(Fields(), document.Fields()...),
	})
	var r Reader
	if err := r.read(logFile{name: "x.json", body: []byte(`{"Records":[` + record + `]}`)}); err != nil {
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
}
