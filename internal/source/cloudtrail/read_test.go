package cloudtrail

import (
	"bytes"
	"compress/gzip"
	"context"
	"errors"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/saker-sensor/saker/internal/source/document"
)

func record(id string) string {
	return `{"eventID":"` + id + `","eventTime":"2026-08-01T10:00:00Z","eventType":"AwsApiCall"}`
}

func packed(t *testing.T, text string) string {
	t.Helper()
	var b bytes.Buffer
	w := gzip.NewWriter(&b)
	if _, err := io.WriteString(w, text); err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return b.String()
}

// TestRead: log files in a folder and below it are read in the order of their names, packed or not; what is no event is passed over.
func TestRead(t *testing.T) {
	dir := t.TempDir()
	for name, text := range map[string]string{
		"2/a.json.gz":     packed(t, `{"Records":[`+record("3")+`]}`),
		"1.json":          `{"Records":[` + record("1") + `,{"eventID":"no time"},` + record("2") + `,{"eventType":"AwsCloudTrailInsight"}]}`,
		"2/b.json.gz":     "not packed",
		"2/c.json":        `{"Records":{}}`,
		"3.json":          `{"Records":[` + record("4"),
		"4.json":          `{"Records":[{"eventTime":"2026-08-01T10:00:00Z"},` + record("5") + `]}`,
		"5.json.gz":       packed(t, `{"Records":[`+record("6")+`]}`)[:30],
		"CloudTrail.text": `{"Records":[` + record("no log file") + `]}`,
	} {
		path := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	r, err := Open(dir)
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for {
		ev, err := r.Next(context.Background())
		var bad *document.Malformed
		if errors.Is(err, io.EOF) {
			break
		} else if errors.As(err, &bad) {
			got = append(got, strings.TrimPrefix(bad.Where, dir+"/"))
		} else if err != nil {
			t.Fatal(err)
		} else {
			got = append(got, strings.Clone(document.String(ev.Document, "eventID")))
		}
	}
	want := []string{"1", "1.json", "2", "3", "2/b.json.gz", "2/c.json", "3.json", "4.json", "5", "5.json.gz"}
	if !slices.Equal(got, want) {
		t.Errorf("got  %q\nwant %q", got, want)
	}
}

func TestOpen(t *testing.T) {
	for params, want := range map[string]string{
		"":              "name a folder with CloudTrail's log files",
		"s3://bucket":   "s3:// can't be read; copy the log files to a folder",
		"/no/such/path": "no such file",
		t.TempDir():     "there is no log file",
	} {
		if _, err := Open(params); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: got %v, want %q", params, err, want)
		}
	}
}
