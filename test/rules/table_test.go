package rules

// Addresses of the container's loopback device: of a documentation network, of the metadata service and beside it, and of a
// private network.
const (
	public       = "198.51.100.7"
	metadata     = "169.254.169.254"
	metadataNear = "169.254.169.253"
	private      = "10.1.1.1"
)

type want = map[string]string

// unreachable are rules that can't fire here, with the reason.
var unreachable = map[string]string{
	"Network Connection outside Local Subnet":                "its list of namespaces is empty",
	"Launch Disallowed Container":                            "every container is allowed by its macro",
	"Contact K8S API Server From Container":                  "it needs the address of a host name of a cluster",
	"Detect outbound connections to common miner pool ports": "it needs the addresses of host names on the internet",
}

// needed are capabilities without which a rule can't fire. Root may lack them.
var needed = map[string]string{
	"Linux Kernel Module Injection Detected":            "CAP_SYS_MODULE",
	"Detect release_agent File Container Escapes":       "CAP_SYS_ADMIN",
	"Program for the kernel loaded from a container":    "CAP_BPF",
	"Disk or kernel file system mounted in a container": "CAP_SYS_ADMIN",
	"File system attached in a container":               "CAP_SYS_ADMIN",
}

var tables = [][]trial{files, processes, networks, containers, calls}

// files: rules about opens and about calls that change names.
var files = []trial{
	{"Directory traversal monitored file read", want{"fd.name": "/etc/passwd", "fd.nameraw": "/tmp/../tmp/../etc/passwd"},
		in("exec /bin/cat /tmp/../tmp/../etc/passwd"), in("exec /bin/cat /tmp/../etc/passwd")},
	{"Read sensitive file trusted after startup", want{"fd.name": "/etc/shadow", "proc.name": "nginx"},
		in("IN/nginx act read-late /etc/shadow"), in("IN/nginx act read /etc/shadow")},
	{"Read sensitive file untrusted", want{"fd.name": "/etc/shadow", "proc.name": "cat"},
		in("/bin/cat /etc/shadow"), in("/bin/cat /etc/passwd")},
	{"Read ssh information", want{"fd.name": "/root/.ssh/id_rsa", "proc.name": "cat"},
		in("/bin/cat /root/.ssh/id_rsa"), in("/bin/cat /root/.bashrc")},
	{"Read Shell Configuration File", want{"fd.name": "/root/.bashrc", "proc.name": "cat"},
		in("/bin/cat /root/.bashrc"), in(": < /root/.bashrc")},
	{"Read environment variable from /proc files", want{"fd.name": "/proc/1/environ"},
		in("/bin/cat /proc/1/environ"), in("/bin/cat /proc/1/cmdline")},
	{"Exfiltrating Artifacts via Kubernetes Control Plane", want{"fd.name": "/root/.bashrc", "proc.name": "tar"},
		in("exec /bin/tar -c -f /dev/null /root/.bashrc"), in("/bin/tar -c -f /dev/null /root/.bashrc; true")},
	{"Backdoored library loaded into SSHD (CVE-2024-3094)", want{"proc.name": "sshd"},
		in("ACT create $DIR/liblzma.so.5.6.1 644; IN/sshd act read $DIR/liblzma.so.5.6.1"),
		in("ACT create $DIR/liblzma.so.5.6.2 644; IN/sshd act read $DIR/liblzma.so.5.6.2")},
	{"Clear Log Activities", want{"fd.name": "/var/log/messages"}, in(": > /var/log/messages"), in(": >> /var/log/messages")},
	{"Modify Shell Configuration File", want{"fd.name": "/root/.profile", "proc.name": "cp"},
		in("/bin/cp /etc/passwd /root/.profile"), in(": > /root/.inputrc")},
	{"Schedule Cron Jobs", want{"fd.name": "/etc/crontab"}, in(": > /etc/crontab"), in(": > /etc/cro")},
	{"Create files below dev", want{"fd.name": "/dev/made"}, in(": > /dev/made"), in(": > /dev/shm/made")},
	{"Adding ssh keys to authorized_keys", want{"fd.name": "/root/.ssh/authorized_keys"},
		in(": > /root/.ssh/authorized_keys"), in(": > /root/.ssh/known_hosts")},
	{"Update Package Repository", want{"evt.arg.newpath": "/etc/apt/sources.list.d/new.list", "evt.type": "rename*"},
		in(": > /tmp/list; /bin/mv /tmp/list /etc/apt/sources.list.d/new.list"), in(": > /tmp/list; /bin/mv /tmp/list /etc/apx/new.list")},
	{"Write below binary dir", want{"fd.name": "/usr/bin/made"}, in(": > /usr/bin/made"), in(": > /usr/local/bin/made")},
	{"Write below monitored dir", want{"fd.name": "/usr/local/bin/made"}, in(": > /usr/local/bin/made"), in(": > /usr/local/share/made")},
	{"Write below etc", want{"fd.name": "/etc/made"}, in(": > /etc/made"), in(": > /etc/motd")},
	{"Write below root", want{"fd.name": "/root/made"}, in(": > /root/made"), in(": > /root/.cache/made")},
	{"Write below rpm database", want{"fd.name": "/var/lib/rpm/made"}, in(": > /var/lib/rpm/made"), in(": > /var/lib/rp/made")},
	{"Create Hidden Files or Directories", want{"fd.name": "/tmp/.made"}, in(": > /tmp/.made"), in(": > /tmp/made")},
	{"Container Drift Detected (open+create)", want{"evt.arg.mode": "0755", "proc.name": "act"},
		in("ACT create $DIR/made-755 755"), in("ACT create $DIR/made-644 644")},
	{"Modify Container Entrypoint", want{"fd.name": "/proc/self/fd/7"},
		in(": > /tmp/f; exec 7<>/tmp/f; : > /proc/self/fd/7"), in("exec 7<>/tmp/f; : > /proc/self/comm")},
	{"Privileged Container Device Access", want{"fd.name": "/dev/sdz"}, in(": > /dev/sdz"), in(": > /dev/sr9")},
	{"Container Access to Host Sensitive Paths", want{"fd.name": "/host/etc/passwd"},
		in("/bin/cat /host/etc/passwd"), in("/bin/cat /etc/passwd")},
	{"Detect release_agent File Container Escapes", want{"fd.name": "/tmp/release_agent", "thread.cap_effective": "*"},
		in(": > /tmp/release_agent"), in(": > /tmp/release_agent2")},
	{"Create Symlink Over Sensitive Files", want{"evt.type": "symlink*", "proc.name": "ln"},
		in("/bin/ln -s /etc/shadow /tmp/a"), in("/bin/ln -s /etc/passwd /tmp/b")},
	{"Create Hardlink Over Sensitive Files", want{"evt.type": "link*", "proc.name": "ln"},
		in("/bin/ln /etc/shadow /tmp/c"), in("/bin/ln /etc/passwd /tmp/d")},
	{"Delete or rename shell history", want{"evt.type": "unlink*", "proc.name": "rm"},
		in("/bin/rm /root/.bash_history"), in("/bin/rm /root/.bash_histori")},
	{"Modify binary dirs", want{"evt.type": "unlink*", "proc.name": "rm"},
		in(": > /usr/bin/gone; /bin/rm /usr/bin/gone"), in(": > /tmp/gone; /bin/rm /tmp/gone")},
	{"Mkdir binary dirs", want{"evt.arg.path": "/usr/bin/folder"},
		in("/bin/mkdir /usr/bin/folder"), in("/bin/mkdir /usr/local/bin/folder")},
	{"Set Setuid or Setgid bit", want{"evt.arg.mode": "*", "proc.name": "chmod"},
		in(": > /tmp/s; /bin/chmod 4755 /tmp/s"), in(": > /tmp/s2; /bin/chmod 1644 /tmp/s2")},
	{"Container Drift Detected (chmod)", want{"proc.name": "chmod"},
		in(": > /tmp/x; /bin/chmod 744 /tmp/x"), in(": > /tmp/x2; /bin/chmod 644 /tmp/x2")},
}

// processes: rules about execs.
var processes = []trial{
	{"Run shell untrusted", want{"proc.name": "sh", "proc.pname": "nginx"},
		in("IN/nginx act spawn /bin/sh -c :"), in("IN/nginy act spawn /bin/sh -c :")},
	{"System user interactive", want{"user.uid": "33", "proc.name": "true"},
		onHost("$DIR/sshd act spawn-as 33 /bin/true"), onHost("$DIR/sshx act spawn-as 33 /bin/true")},
	{"Terminal shell in container", want{"proc.name": "sh"}, onTTY(":"), in(":")},
	{"Netcat Remote Code Execution in Container", want{"proc.name": "nc", "proc.cmdline": "nc -e /bin/sh"},
		in("/bin/nc -e /bin/sh"), in("/bin/nc --help")},
	{"Search Private Keys or Passwords", want{"proc.name": "find"}, in("/bin/find /tmp -name id_rsa"), in("/bin/find /tmp -name rsa")},
	{"Remove Bulk Data from Disk", want{"proc.name": "shred"}, in("/bin/shred --help"), in("/bin/rm --help")},
	{"Find AWS Credentials", want{"proc.name": "grep"},
		in("/bin/grep aws_access_key_id /etc/passwd"), in("/bin/grep aws_access /etc/passwd")},
	{"Execution from /dev/shm", want{"proc.cmdline": "sh /dev/shm/script"},
		in(": > /dev/shm/script; /bin/sh /dev/shm/script"), in(": > /tmp/script; /bin/sh /tmp/script")},
	{"Drop and execute new binary in container", want{"proc.exepath": "/tmp/true", "proc.name": "true"},
		in("/bin/cp /bin/busybox /tmp/true; /tmp/true"), in("/bin/true")},
	{"Fileless execution via memfd_create", want{"proc.exepath": "memfd:payload"},
		in("ACT memfd memory /bin/true"), in("ACT memfd disk /bin/true")},
	{"DB program spawned process", want{"proc.pname": "mysqld"},
		in("IN/mysqld act spawn /bin/true"), in("IN/mysqldump act spawn /bin/true")},
	{"Program run with disallowed http proxy env", want{"proc.name": "wget"},
		in("http_proxy=http://x /bin/wget --help"), in("no_proxy=x /bin/wget --help")},
	{"User mgmt binaries", want{"proc.name": "useradd"}, onHost("$DIR/useradd x"), onHost("$DIR/useradd -D")},
	{"Launch Package Management Process in Container", want{"proc.name": "apt"}, in("/bin/apt"), in("/bin/aptx")},
	{"Launch Suspicious Network Tool in Container", want{"proc.name": "nmap"}, in("/bin/nmap"), in("/bin/wget --help")},
	{"Launch Suspicious Network Tool on Host", want{"proc.name": "nmap"}, onHost("$DIR/nmap"), onHost("$DIR/nmapx")},
	{"Launch Remote File Copy Tools in Container", want{"proc.name": "rsync"}, in("/bin/rsync"), in("/bin/cp --help")},
	{"Mount Launched in Privileged Container", want{"proc.cmdline": "mount -t tmpfs none /mnt"},
		in("/bin/mount -t tmpfs none /mnt"), in("/bin/mount")},
	{"Launch Ingress Remote File Copy Tools in Container", want{"proc.name": "wget"}, in("/bin/wget --help"), in("IN/curl x")},
	{"Potential Local Privilege Escalation via Environment Variables Misuse", want{"proc.name": "true"},
		in("GLIBC_TUNABLES=x /bin/true"), in("GLIBC_X=x /bin/true")},
	{"Detect crypto miners using the Stratum protocol", want{"proc.cmdline": "true stratum+tcp://x"},
		in("/bin/true stratum+tcp://x"), in("/bin/true stratum://x")},
	{"Kubernetes Client Tool Launched in Container", want{"proc.name": "kubectl"}, in("/bin/kubectl"), in("/bin/kubectx")},
	{"Sudo Potential Privilege Escalation", want{"proc.name": "sudoedit"}, in(`/bin/sudoedit -s 'x\'`), in(`/bin/sudoedit -s x`)},
	{"Polkit Local Privilege Escalation Vulnerability (CVE-2021-4034)", want{"proc.name": "pkexec", "proc.args": ""},
		in("/bin/pkexec"), in("/bin/pkexec id")},
	{"Decoding Payload in Container", want{"proc.cmdline": "base64 -d"}, in("echo | /bin/base64 -d"), in("echo | /bin/base64")},
	{"Basic Interactive Reconnaissance", want{"proc.name": "id"}, onTTY("exec /bin/id"), in("exec /bin/id")},
	{"Netcat/Socat Remote Code Execution on Host", want{"proc.name": "nc"}, onHost("$DIR/nc -e /bin/sh"), onHost("$DIR/ncx -e /bin/sh")},
	{"Network Tool Executed During NPM Package Install", want{"proc.name": "nc", "proc.pname": "npm"},
		in("IN/npm act spawn $DIR/nc"), in("IN/npx act spawn $DIR/nc")},
	{"Known Cryptominer Process Executed", want{"proc.name": "xmrig"}, in("/bin/xmrig"), in("/bin/xmrigx")},
	{"Web Server Spawned Shell", want{"proc.name": "sh", "proc.pname": "nginx"},
		in("IN/nginx act spawn /bin/sh -c :"), in("IN/nginx act spawn /bin/sh -c /usr/bin/true")},
	{"Web Server Spawned Suspicious Child Process", want{"proc.name": "curl", "proc.pname": "nginx"},
		in("IN/nginx act spawn $DIR/curl x"), in("IN/nginx act spawn $DIR/curl status")},
	{"Reverse Shell from Web Server", want{"proc.cmdline": "sh -c : bash -i"},
		in("IN/nginx act spawn /bin/sh -c ': bash -i'"), in("IN/nginx act spawn /bin/sh -c :")},
}

// networks: rules about sockets.
var networks = []trial{
	{"Packet socket created in container", want{"proc.name": "act", "evt.type": "socket"}, in("ACT socket packet"), in("ACT socket inet")},
	{"Redirect STDOUT/STDIN to Network Connection in Container", want{"fd.sip": public, "fd.type": "ipv4"},
		in("ACT dup " + public + ":2001 0"), in("ACT dup " + public + ":2002 7")},
	{"Disallowed SSH Connection Non Standard Port", want{"fd.rport": "443", "fd.l4proto": "tcp"},
		in("IN/ssh act talk " + public + ":443 " + public + ":443"), in("IN/ssh act talk " + public + ":22 " + public + ":22")},
	{"System procs network activity", want{"proc.name": "cat"}, in("IN/cat act udp " + public + ":53"), in("ACT udp " + public + ":53")},
	{"Unexpected UDP Traffic", want{"fd.rport": "5000", "fd.l4proto": "udp"},
		in("ACT udp " + public + ":5000"), in("ACT udp " + public + ":53")},
	{"Contact EC2 Instance Metadata Service From Container", want{"fd.name": "*"},
		in("ACT udp " + metadata + ":80"), in("ACT udp " + metadataNear + ":80")},
	{"Contact cloud metadata service from container", want{"fd.name": "*"},
		in("ACT udp " + metadata + ":80"), in("ACT udp " + metadataNear + ":80")},
	{"Unexpected inbound connection source", want{"evt.type": "accept4", "fd.lport": "2003"},
		in("ACT talk " + public + ":2003 " + public + ":2003"), in("ACT talk 0.0.0.0:2004 " + private + ":2004")},
	{"Interpreted procs inbound network activity", want{"proc.name": "python3"},
		in("IN/python3 act talk " + public + ":2005 " + public + ":2005"),
		in("IN/python4 act talk " + public + ":2006 " + public + ":2006")},
	{"Interpreted procs outbound network activity", want{"proc.name": "python3", "evt.type": "connect"},
		in("IN/python3 act udp " + public + ":2007"), in("IN/python3 act udp " + private + ":2007")},
	{"Unexpected K8s NodePort Connection", want{"fd.rport": "30001"},
		in("ACT udp " + public + ":30001"), in("ACT udp " + public + ":29999")},
	{"Java Process Class File Download", want{"evt.type": "recvfrom", "fd.sip": public},
		in("IN/java act send " + public + ":2008 00cafebabe"), in("IN/java act send " + public + ":2009 00cafebabf")},
}

// containers: rules about the start of a container.
var containers = []trial{
	{"Launch Privileged Container", want{"proc.name": "sleep"}, started(), plain()},
	{"Launch Excessively Capable Container", want{"proc.name": "sleep", "thread.cap_permitted": "*"}, started(), plain()},
	// A mount that is missing is in no list, so its macro holds of every container; a process that is not the first is no start.
	{"Launch Sensitive Mount Container", want{"proc.name": "sleep", "container.mounts": "/:/host:*"}, started(), in(":")},
	{"Container Run as Root User", want{"proc.name": "sleep", "user.uid": "0"}, started(), plain()},
	{"Debugfs Launched in Privileged Container", want{"proc.name": "debugfs"}, in("/bin/debugfs"), plain()},
}

// calls: rules about other system calls.
var calls = []trial{
	{"Linux Kernel Module Injection Detected", want{"proc.name": "act", "evt.type": "init_module"},
		in("ACT init-module"), unprivileged("ACT init-module")},
	{"PTRACE attached to process", want{"evt.type": "ptrace", "proc.name": "act"}, in("ACT ptrace"), in("ACT traceme")},
	{"PTRACE anti-debug attempt", want{"evt.type": "ptrace", "proc.name": "act"}, in("ACT traceme"), in("ACT ptrace")},
	{"Change thread namespace", want{"evt.type": "setns", "proc.name": "act"}, in("ACT setns uts"), in("IN/sysdig act setns uts")},
	{"Change namespace privileges via unshare", want{"evt.type": "unshare", "evt.res": "EPERM"},
		unprivileged("ACT unshare"), in("ACT unshare")},
	{"Non sudo setuid", want{"evt.type": "setuid", "user.uid": "1"},
		onHost("ACT spawn-as 1 $DIR/act act setuid 1"), onHost("ACT setuid 0")},
	{"BPF Program Not Profiled", want{"evt.arg.cmd": "*", "proc.name": "act"}, in("ACT bpf 5"), in("ACT bpf 0")},
	{"Unprivileged Delegation of Page Faults Handling to a Userspace Process", want{"user.uid": "1", "evt.type": "userfaultfd"},
		onHost("ACT spawn-as 1 $DIR/act act userfaultfd"), onHost("ACT userfaultfd")},
}
