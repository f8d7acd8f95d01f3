package event

// Container is what a runtime knows of a container. Immutable once published.
type Container struct {
	// ID is the runtime's full id.
	ID   string
	Name string
	// Type is the runtime's name in Falco's words: containerd, docker, cri-o, podman.
	Type string
	// Image is the reference as the runtime names it, with tag; ImageID the id of its config.
	Image, ImageRepository, ImageTag, ImageDigest, ImageID string
	Labels                                                 map[string]string
	Mounts                                                 []Mount
	Privileged                                             bool
	HostPID, HostNetwork, HostIPC                          bool
	// StartTime is ns since the epoch, 0 if unknown.
	StartTime int64
	IP        string
	// CNI is the network plugin's result as JSON, a map of interfaces; empty if it is not known or too long.
	CNI string
	// Probes are the commands by which the runtime or the kubelet looks after the container.
	Probes []Probe
	// Pod is nil for a container that belongs to none.
	Pod *Pod
	// PodSandbox: this is the pod's own (pause) container.
	PodSandbox bool
}

// ShortID is container.id: the first 12 bytes of the id.
func ShortID(id string) string { return id[:min(12, len(id))] }

// Mount of a container.
type Mount struct {
	Source, Dest, Mode, Propagation string
	RdWr                            bool
}

// ProbeKind says who runs a probe, and what for.
type ProbeKind uint8

const (
	// Healthcheck is the image's or the container's own, run by Docker or Podman.
	Healthcheck ProbeKind = iota
	// LivenessProbe and ReadinessProbe are the pod's, run by the kubelet.
	LivenessProbe
	ReadinessProbe
)

// Probe is a command that is run in a container from outside: argv[0] and the rest.
type Probe struct {
	Kind ProbeKind
	Exe  string
	Args []string
}

// Pod of Kubernetes.
type Pod struct {
	Name, Namespace, UID, SandboxID string
	Labels                          map[string]string
}

// Accounts are the users and groups of one root file system. Immutable.
type Accounts struct {
	Users  map[uint32]User
	Groups map[uint32]string
}

// User is a line of /etc/passwd.
type User struct{ Name, Home, Shell string }

// User finds a user. Root is known without any file, as Falco does.
func (a *Accounts) User(uid uint32) (User, bool) {
	if a != nil {
		if u, ok := a.Users[uid]; ok {
			return u, true
		}
	}
	if uid == 0 {
		return User{Name: "root", Home: "/root"}, true
	}
	return User{}, false
}

// Group finds a group's name. The group 0 is root without any file.
func (a *Accounts) Group(gid uint32) (string, bool) {
	if a != nil {
		if g, ok := a.Groups[gid]; ok {
			return g, true
		}
	}
	if gid == 0 {
		return "root", true
	}
	return "", false
}

// PodMeta is what the API server or the kubelet says of a pod, beside what the runtime does. Immutable.
type PodMeta struct {
	Name, Namespace, UID string
	// Labels are those that the pod has now, nil if they are too long to be kept.
	Labels map[string]string
	// Owner is the pod's controller, zero if it has none.
	Owner Owner
	// Deployment is that of the owner, a replica set; empty if it has none.
	Deployment string
	// Related are the objects that the pod belongs to.
	Related Related
}

// Related are the objects that a pod belongs to: its namespace, its owners and the services that select it. Each is nil if no rule reads
// a field of it, or it is not known.
type Related struct {
	Namespace, Deployment, ReplicaSet, ReplicationController *Object
	// Services are those that select the pod by its labels, sorted by name.
	Services []*Object
}

// Object of Kubernetes. Immutable.
type Object struct {
	Name, UID string
	// Labels are nil if they are too long to be kept.
	Labels map[string]string
}

// Owner is an object that controls others, say a ReplicaSet.
type Owner struct{ Kind, Name, UID string }
