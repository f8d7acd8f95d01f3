package render

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/saker-sensor/saker/internal/field"
)

func TestCountedAlert(t *testing.T) {
	rule := Rule{Name: "r", Priority: "Notice", Source: SourceSyscall, Output: "name=%proc.cmdline"}
	for _, extra := range [][]AppendField{nil, {{Key: "count", Text: "own"}}} {
		opt := DefaultOptions()
		opt.JSON, opt.Append = true, []Append{{Fields: extra}}
		a, err := NewAlert(rule, field.Syscall(), opt)
		if err != nil {
			t.Fatal(err)
		}
		line := string(a.AppendCounted(nil, goldenEvent(), 99))
		var got struct {
			Output string
			Fields map[string]any `json:"output_fields"`
		}
		if err := json.Unmarshal([]byte(line), &got); err != nil {
			t.Fatal(err)
		}
		if !strings.HasSuffix(got.Output, " count=99") || got.Fields["count"] != 99.0 || strings.Count(line, `"count":`) != 1 {
			t.Errorf("got %s", line)
		}
		if !strings.Contains(line, `"container.name":"web","count":99,"evt.time":`) {
			t.Errorf("the keys are not in order: %s", line)
		}
		opt.JSON = false
		if a, err = NewAlert(rule, field.Syscall(), opt); err != nil {
			t.Fatal(err)
		}
		if line := string(a.AppendCounted(nil, goldenEvent(), 99)); !strings.HasSuffix(line, " count=99") {
			t.Errorf("text: got %s", line)
		}
	}
}
