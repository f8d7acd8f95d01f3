package k8saudit

import (
	"fmt"
	"net/url"
	"slices"
	"strings"

	"github.com/valyala/fastjson"

	"github.com/saker-sensor/saker/internal/event"
	"github.com/saker-sensor/saker/internal/field"
	"github.com/saker-sensor/saker/internal/source/document"
)

// Fields are those of the source. Where Falco's plugin has a quirk, so have these: rules were written against it.
func Fields() []field.Info {
	all := slices.Concat(eventFields(), bindingFields(), objectFields(), roleFields(), volumeFields(),
		containerFields("containers", "container"), containerFields("initContainers", "init container"),
		slices.DeleteFunc(containerFields("ephemeralContainers", "ephemeral container"),
			func(in field.Info) bool { return strings.HasSuffix(in.Name, ".host_port") }))
	for i := range all {
		all[i].Class, all[i].Cost = "k8s_audit", 2
		get := all[i].Extract
		all[i].Extract = func(ev *event.Event, a field.Arg, v *field.Value) bool {
			return ev.Document.Get("auditID") != nil && get(ev, a, v)
		}
	}
	return all
}

// text is a field at a path of the document.
func text(name, doc string, keys ...string) field.Info {
	return field.Info{Name: name, Doc: doc, Extract: func(ev *event.Event, _ field.Arg, v *field.Value) bool {
		return document.SetText(v, ev.Document.Get(keys...))
	}}
}

// made is a field whose text is made of the document.
func made(name, doc string, get func(d *fastjson.Value, a field.Arg) (string, bool)) field.Info {
	return field.Info{Name: name, Doc: doc, Extract: func(ev *event.Event, a field.Arg, v *field.Value) (ok bool) {
		v.Str, ok = get(ev.Document, a)
		return ok
	}}
}

// list is a field of several texts.
func list(name, doc string, get func(d *fastjson.Value, index int) ([]string, bool)) field.Info {
	return field.Info{Name: name, Doc: doc, List: true, Extract: func(ev *event.Event, a field.Arg, v *field.Value) bool {
		texts, ok := get(ev.Document, a.Index)
		return document.SetTexts(v, texts...) && ok
	}}
}

// indexed lets an index choose one element.
func indexed(in field.Info) field.Info {
	in.Arg = field.ArgOptional
	in.CheckArg = func(a field.Arg) error {
		if a.Index < 0 {
			return fmt.Errorf("the argument %q is no index; write a number from 0", a.Text)
		}
		return nil
	}
	return in
}

// keyed asks for an argument.
func keyed(in field.Info) field.Info {
	in.Arg = field.ArgRequired
	return in
}

// elements are the texts of a list at a path; anything else has none.
func elements(keys ...string) func(*fastjson.Value, int) ([]string, bool) {
	return func(d *fastjson.Value, _ int) ([]string, bool) {
		v := d.Get(keys...)
		return texts(v.GetArray()), v != nil
	}
}

// below are the texts at the end of a path through lists.
func below(keys ...string) func(*fastjson.Value, int) ([]string, bool) {
	return func(d *fastjson.Value, index int) ([]string, bool) {
		values, ok := walk(d, index, keys...)
		return texts(values), ok
	}
}

// rules are the texts in lists of the rules of a role.
func rules(key string) func(*fastjson.Value, int) ([]string, bool) {
	return func(d *fastjson.Value, index int) (all []string, ok bool) {
		values, ok := walk(d, index, "requestObject", "rules", key)
		for _, v := range values {
			all = append(all, texts(v.GetArray())...)
		}
		return all, ok
	}
}

func eventFields() []field.Info {
	note := func(name, doc, key string) field.Info { return text(name, doc, "annotations", key) }
	return []field.Info{
		text("ka.auditid", "Id of the request that the event is about.", "auditID"),
		text("ka.stage", "Stage of the request: RequestReceived, ResponseComplete, ….", "stage"),
		note("ka.auth.decision", "Whether the request was allowed.", "authorization.k8s.io/decision"),
		note("ka.auth.reason", "Why it was allowed or not.", "authorization.k8s.io/reason"),
		note("ka.auth.openshift.decision", "Whether OpenShift let the user in.", "authentication.openshift.io/decision"),
		note("ka.validations.admission.policy.failure", "Failure of a validating admission policy.",
			"validation.policy.admission.k8s.io/validation_failure"),
		note("ka.security.pod.violations", "Violations of the pod security standards.", "pod-security.kubernetes.io/audit-violations"),
		note("ka.auth.openshift.username", "Name of OpenShift's user.", "authentication.openshift.io/username"),
		text("ka.user.name", "Name of the user.", "user", "username"),
		list("ka.user.groups", "Groups of the user.", elements("user", "groups")),
		text("ka.impuser.name", "Name of the user that is impersonated.", "impersonatedUser", "username"),
		text("ka.verb", "What is done: create, delete, ….", "verb"),
		text("ka.uri", "URI of the request.", "requestURI"),
		keyed(made("ka.uri.param", "Parameter of the URI by its name.", uriParam)),
		text("ka.target.name", "Name of the object.", "objectRef", "name"),
		text("ka.target.namespace", "Its namespace.", "objectRef", "namespace"),
		text("ka.target.resource", "Its resource: pods, secrets, ….", "objectRef", "resource"),
		text("ka.target.subresource", "Its subresource: exec, attach, ….", "objectRef", "subresource"),
		made("ka.target.pod.name", "Name of the pod that was made.", func(d *fastjson.Value, _ field.Arg) (string, bool) {
			name := d.Get("responseObject", "metadata", "name")
			if name == nil || document.String(d, "objectRef", "resource") != "pods" || document.String(d, "objectRef", "subresource") != "" {
				return "", false
			}
			return document.Text(name), true
		}),
		text("ka.resp.name", "Name of the object in the response.", "responseObject", "metadata", "name"),
		text("ka.response.code", "Code of the response.", "responseStatus", "code"),
		text("ka.response.reason", "Reason in the response.", "responseStatus", "reason"),
		text("ka.useragent", "Program that sent the request.", "userAgent"),
		indexed(list("ka.sourceips", "Addresses of the sender; as in Falco's plugin, of a role's rules.", rules("sourceIPs"))),
		note("ka.cluster.name", "Name of the cluster.", "cluster_name"),
	}
}

func uriParam(d *fastjson.Value, a field.Arg) (string, bool) {
	uri := d.Get("requestURI")
	if uri == nil {
		return "", false
	}
	u, err := url.Parse(document.Text(uri))
	if err != nil {
		return "", false
	}
	query, err := url.ParseQuery(u.RawQuery)
	if err != nil || len(query[a.Text]) == 0 {
		return "", false
	}
	return query[a.Text][0], true
}

func bindingFields() []field.Info {
	const at = "ka.req.binding.subjects"
	return []field.Info{
		list(at, "Subjects of a role binding, as JSON.", elements("requestObject", "subjects")),
		list(at+".user_names", "Names of its users.", subjects("User", "name")),
		list(at+".serviceaccount_names", "Names of its service accounts.", subjects("ServiceAccount", "name")),
		list(at+".serviceaccount_ns_names", "Its service accounts, as NAMESPACE:NAME.", subjects("ServiceAccount", "namespace", "name")),
		list(at+".group_names", "Names of its groups.", subjects("Group", "name")),
		text("ka.req.binding.role", "Name of the role that is bound.", "requestObject", "roleRef", "name"),
		keyed(made("ka.req.binding.subject.has_name", "Always true, as in Falco's plugin.",
			func(*fastjson.Value, field.Arg) (string, bool) { return "true", true })),
	}
}

// subjects are the parts of a role binding's subjects of a kind, joined by colons; one that lacks a part has none.
func subjects(kind string, parts ...string) func(*fastjson.Value, int) ([]string, bool) {
	return func(d *fastjson.Value, _ int) (all []string, ok bool) {
		for _, s := range d.GetArray("requestObject", "subjects") {
			if k := s.Get("kind"); k == nil || document.Text(k) != kind {
				continue
			}
			values := make([]*fastjson.Value, len(parts))
			for i, p := range parts {
				values[i] = s.Get(p)
			}
			if texts, ok := allTexts(values); ok {
				all = append(all, strings.Join(texts, ":"))
			}
		}
		return all, true
	}
}

func objectFields() []field.Info {
	spec := func(keys ...string) []string { return append([]string{"requestObject", "spec"}, keys...) }
	return []field.Info{
		text("ka.req.configmap.name", "Name of the object, of whatever kind it is.", "objectRef", "name"),
		text("ka.req.configmap.obj", "Data of the config map.", "requestObject", "data"),
		text("ka.req.pod.host_ipc", "Whether the pod has the host's IPC namespace.", spec("hostIPC")...),
		text("ka.req.pod.host_network", "Whether the pod has the host's network.", spec("hostNetwork")...),
		text("ka.req.container.host_network", "The same, under its old name.", spec("hostNetwork")...),
		text("ka.req.pod.host_pid", "Whether the pod has the host's pid namespace.", spec("hostPID")...),
		text("ka.req.pod.run_as_user", "User that the pod's containers run as.", spec("securityContext", "runAsUser")...),
		text("ka.req.pod.run_as_group", "Group that they run as.", spec("securityContext", "runAsGroup")...),
		text("ka.req.pod.fs_group", "Group of the pod's volumes.", spec("securityContext", "fsGroup")...),
		list("ka.req.pod.supplemental_groups", "More groups of the pod's containers.",
			elements(spec("securityContext", "supplementalGroups")...)),
		text("ka.req.service.type", "Type of a service.", spec("type")...),
		indexed(list("ka.req.service.ports", "Ports of a service, as JSON.", func(d *fastjson.Value, index int) ([]string, bool) {
			values, ok := walk(d, index, spec("ports")...)
			return texts(values), ok
		})),
		made("ka.req.container.image", "Image of the first container.", func(d *fastjson.Value, _ field.Arg) (string, bool) {
			return first(d, "image")
		}),
		made("ka.req.container.image.repository", "Its repository.", func(d *fastjson.Value, _ field.Arg) (string, bool) {
			image, ok := first(d, "image")
			return repository(image), ok
		}),
		made("ka.req.container.privileged", "Whether a container is privileged.", func(d *fastjson.Value, _ field.Arg) (string, bool) {
			values, ok := walk(d, every, spec("containers", "securityContext", "privileged")...)
			yes := slices.ContainsFunc(values, func(v *fastjson.Value) bool { return v.GetBool() })
			return fmt.Sprint(yes), ok
		}),
	}
}

// first is a text of the first container.
func first(d *fastjson.Value, key string) (string, bool) {
	values, ok := walk(d, 0, "requestObject", "spec", "containers", key)
	if !ok || values[0] == nil {
		return "", false
	}
	return document.Text(values[0]), true
}

func roleFields() []field.Info {
	const at = "ka.req.role.rules"
	return []field.Info{
		list(at, "Rules of a role, as JSON.", elements("requestObject", "rules")),
		indexed(list(at+".apiGroups", "API groups of its rules.", rules("apiGroups"))),
		indexed(list(at+".nonResourceURLs", "URLs of its rules that are no resources.", rules("nonResourceURLs"))),
		indexed(list(at+".verbs", "Verbs of its rules.", rules("verbs"))),
		indexed(list(at+".resources", "Resources of its rules.", rules("resources"))),
	}
}

func volumeFields() []field.Info {
	volumes := func(keys ...string) []string { return append([]string{"requestObject", "spec", "volumes"}, keys...) }
	return []field.Info{
		indexed(list("ka.req.pod.volumes.hostpath", "Paths of the host that are volumes.", below(volumes("hostPath", "path")...))),
		keyed(made("ka.req.volume.hostpath", "Whether the first volume is this path of the host, or below it with a * at the end.",
			func(d *fastjson.Value, a field.Arg) (string, bool) {
				values, ok := walk(d, 0, volumes("hostPath", "path")...)
				prefix, below := strings.CutSuffix(a.Text, "*")
				yes := slices.ContainsFunc(texts(values), func(path string) bool {
					return path == a.Text || below && strings.HasPrefix(path, prefix)
				})
				return fmt.Sprint(yes), ok
			})),
		indexed(list("ka.req.pod.volumes.flexvolume_driver", "Drivers of flex volumes.", below(volumes("flexVolume", "driver")...))),
		indexed(list("ka.req.pod.volumes.volume_type", "Types of the volumes.", func(d *fastjson.Value, index int) (all []string, ok bool) {
			values, ok := walk(d, index, volumes("")...)
			for _, v := range values {
				v.GetObject().Visit(func(key []byte, _ *fastjson.Value) {
					if string(key) != "name" {
						all = append(all, string(key))
					}
				})
			}
			return all, ok
		})),
	}
}

// containerFields are those of a list of containers.
func containerFields(key, what string) []field.Info {
	at := func(keys ...string) []string { return append([]string{"requestObject", "spec", key}, keys...) }
	of := func(name, doc string, get func(*fastjson.Value, int) ([]string, bool)) field.Info {
		return indexed(list("ka.req.pod."+key+"."+name, doc+" of each "+what+".", get))
	}
	// whole needs the key of every container, and changes its text.
	whole := func(key string, change func(string) string) func(*fastjson.Value, int) ([]string, bool) {
		return func(d *fastjson.Value, index int) ([]string, bool) {
			values, ok := walk(d, index, at(key)...)
			texts, all := allTexts(values)
			for i := range texts {
				texts[i] = change(texts[i])
			}
			return texts, ok && all
		}
	}
	parts := func(get func([]*fastjson.Value) ([]string, bool), key string) func(*fastjson.Value, int) ([]string, bool) {
		return func(d *fastjson.Value, index int) ([]string, bool) {
			values, ok := walk(d, index, at(key)...)
			texts, fits := get(values)
			return texts, ok && fits
		}
	}
	// effective is the container's own value, or the pod's, both from where Falco's plugin looks for them.
	effective := func(key string) func(*fastjson.Value, int) ([]string, bool) {
		return func(d *fastjson.Value, index int) ([]string, bool) {
			pod := "0"
			if v := d.Get("requestObject", "spec", key); v != nil {
				pod = document.Text(v)
			}
			values, ok := walk(d, index, at(key)...)
			return textsOr(values, pod), ok
		}
	}
	same := func(s string) string { return s }
	return []field.Info{
		of("name", "Name", whole("name", same)),
		of("image", "Image", whole("image", same)),
		of("image.repository", "Repository of the image", whole("image", repository)),
		of("command", "Command", parts(lines, "command")),
		of("args", "Arguments", parts(lines, "args")),
		of("host_port", "Ports of the host", parts(hostPorts, "ports")),
		of("privileged", "Whether it is privileged,", below(at("securityContext", "privileged")...)),
		of("allow_privilege_escalation", "Whether it may gain privileges,", below(at("securityContext", "allowPrivilegeEscalation")...)),
		of("read_only_fs", "Whether its root is read-only,", below(at("securityContext", "readOnlyRootFilesystem")...)),
		of("run_as_user", "User", below(at("securityContext", "runAsUser")...)),
		of("eff_run_as_user", "User, the pod's or 0 without one,", effective("runAsUser")),
		of("run_as_group", "Group", below(at("securityContext", "runAsGroup")...)),
		of("eff_run_as_group", "Group, the pod's or 0 without one,", effective("runAsGroup")),
		of("proc_mount", "Kind of its /proc", below(at("securityContext", "procMount")...)),
		of("add_capabilities", "Capabilities that are added, as JSON,", below(at("securityContext", "capabilities", "add")...)),
	}
}
