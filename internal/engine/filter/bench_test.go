package filter

import (
	"testing"

	"github.com/saker-sensor/saker/internal/event"
)

// hotRule has the shape of a rule on sensitive files that are read.
const hotRule = `evt.type in (open, openat, openat2) and evt.is_open_write = false and fd.num >= 0
	and (fd.name startswith /etc and fd.name in (/etc/shadow, /etc/sudoers, /etc/pam.conf, /etc/security/pwquality.conf)
	  or fd.name pmatch (/root/.ssh, /home/*/.ssh, /etc/ssl/private) or fd.name glob '/proc/*/environ')
	and container.id != host
	and not proc.name in (sshd, sudo, su, cron, systemd, login, polkitd)
	and not proc.pname in (dpkg, apt, rpm, yum, dnf, unattended-upgr)
	and not proc.cmdline contains "update-ca-certificates"
	and not proc.cmdline startswith "dpkg"
	and not proc.aname in (ansible, puppet, chef-client)`

func BenchmarkMatch(b *testing.B) {
	miss := openEvent()
	hit := openEvent()
	hit.File.Given = "/etc/shadow"
	for _, bb := range []struct {
		name, text string
		ev         *event.Event
	}{
		{"rule/miss", hotRule, miss},
		{"rule/hit", hotRule, hit},
		{"eq", "proc.name = cat", miss},
		{"in", "proc.name in (a, b, c, d, e, f, g, h)", miss},
		{"ors", "proc.name = a or proc.name = b or proc.name = c or proc.name = d or proc.name = e", miss},
		{"startswith-many", "fd.name startswith anyof (/etc, /opt, /root, /home, /var/log, /var/lib, /boot, /srv, /tmp)", miss},
		{"pmatch", "fd.name pmatch (/etc, /opt, /root, /home/*/.ssh, /var/log, /var/lib, /boot, /srv, /tmp)", miss},
		{"contains", "fd.name contains shadow", miss},
		{"icontains", "fd.name icontains SHADOW", miss},
		{"glob", "fd.name glob '/home/*/.ssh/*'", miss},
		{"regex", "fd.name regex '.*/\\\\.ssh/.*'", miss},
		{"ancestors", "proc.aname = sshd", miss},
		{"transformer", "toupper(proc.name) = CAT", miss},
	} {
		b.Run(bb.name, func(b *testing.B) {
			flt := compileFor(b, bb.text, eventFields())
			s := NewScratch()
			b.ReportAllocs()
			for b.Loop() {
				flt.Match(bb.ev, s)
			}
		})
	}
}

func BenchmarkParse(b *testing.B) {
	b.ReportAllocs()
	b.SetBytes(int64(len(hotRule)))
	for b.Loop() {
		if _, err := Parse(hotRule, ParseOptions{}); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkCompile(b *testing.B) {
	opt := eventFields()
	e, err := Parse(hotRule, ParseOptions{})
	if err != nil {
		b.Fatal(err)
	}
	b.ReportAllocs()
	for b.Loop() {
		if _, err := Compile(e, opt); err != nil {
			b.Fatal(err)
		}
	}
}
