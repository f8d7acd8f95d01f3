package cloudtrail

import (
	"fmt"
	"strings"

	"github.com/valyala/fastjson"

	"github.com/saker-sensor/saker/internal/event"
)

// summary is ct.info: who, from where, an arrow for writing or reading, with ! for an error, what, and on what.
func summary(d *fastjson.Value) string {
	who, ok := user(d)
	if !ok {
		return "<invalid cloudtrail event: userIdentity field missing>"
	}
	from, ok := at(d, "sourceIPAddress")
	if !ok {
		return "<invalid cloudtrail event: eventSource field missing>"
	}
	name, ok := at(d, "eventName")
	if !ok {
		return "<invalid cloudtrail event: eventName field missing>"
	}
	var b strings.Builder
	b.WriteString(who)
	if who != from {
		b.WriteString(" via " + from)
	}
	b.WriteString(" ")
	if d.Exists("errorCode") {
		b.WriteString("!")
	}
	if d.Exists("readOnly") && !d.GetBool("readOnly") {
		b.WriteString("→ ")
	} else {
		b.WriteString("← ")
	}
	b.WriteString(name)
	writeObject(&b, d, name)
	return b.String()
}

// writeObject writes what the event is about.
func writeObject(b *strings.Builder, d *fastjson.Value, name string) {
	if name == "PutBucketPublicAccessBlock" {
		if d.GetObject("requestParameters", "PublicAccessBlockConfiguration") != nil {
			// Falco's plugin looks for these beside the parameters, too, where they never are.
			for _, key := range []string{"BlockPublicAcls", "BlockPublicPolicy", "IgnorePublicAcls", "RestrictPublicBuckets"} {
				fmt.Fprintf(b, " %s=%t", key, d.GetBool(key))
			}
			b.WriteString(" ")
		}
		return
	}
	in, out := d.Get("additionalEventData", "bytesTransferredIn"), d.Get("additionalEventData", "bytesTransferredOut")
	if in != nil || out != nil {
		fmt.Fprintf(b, " Size=%d", whole(in)+whole(out))
	}
	parameter := func(key string) func() (string, bool) {
		return func() (string, bool) { return at(d, "requestParameters", key) }
	}
	for _, o := range []struct {
		label string
		get   func() (string, bool)
	}{
		{"URI", func() (string, bool) { return uri(d) }},
		{"Bucket", parameter("bucketName")}, {"Key", parameter("key")}, {"Host", parameter("Host")},
	} {
		if text, ok := o.get(); ok {
			b.WriteString(" " + o.label + "=" + text)
			return
		}
	}
}

// Info is evt.plugininfo: region, user, service, event and summary.
func Info(ev *event.Event) string {
	d := ev.Document
	for _, key := range []string{"eventSource", "awsRegion", "eventName"} {
		if !d.Exists(key) {
			return "<invalid JSON: event did not contain " + key + ">"
		}
	}
	service, _ := at(d, "eventSource")
	region, _ := at(d, "awsRegion")
	name, _ := at(d, "eventName")
	parts := []string{region}
	if who, ok := user(d); ok && who != "" {
		parts = append(parts, who)
	}
	return strings.Join(append(parts, short(service), name, summary(d)), " ")
}
