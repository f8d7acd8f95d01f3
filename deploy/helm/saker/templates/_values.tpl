{{- /*
The values as they were given, made fit for the other templates; each of these calls saker.prepare before it reads .Values.

files/schema.json says which values there are, files/renamed.yaml what became of those of Falco's chart, files/defaults.json
what values.yaml has. What is moved, has no effect or is not known is noted for NOTES.txt; with strictValues it is an error.
*/ -}}

{{- define "saker.prepare" -}}
{{- if not (hasKey .Values "sakerNotes") -}}
{{- $notes := dict "moved" list "unused" list "accepted" list "unknown" list -}}
{{- range .Files.Get "files/renamed.yaml" | fromYamlArray -}}
{{- include "saker.rename" (dict "row" . "values" $.Values "notes" $notes) -}}
{{- end -}}
{{- include "saker.fill" (dict "values" .Values "defaults" (.Files.Get "files/defaults.json" | fromJson)) -}}
{{- include "saker.fit" (dict "values" .Values "notes" $notes) -}}
{{- $schema := .Files.Get "files/schema.json" | fromJson -}}
{{- include "saker.walk" (dict "schema" $schema "value" .Values "path" "" "notes" $notes) -}}
{{- $_ := set .Values "sakerNotes" $notes -}}
{{- $refused := concat $notes.moved $notes.unused $notes.unknown -}}
{{- if and .Values.strictValues $refused -}}
{{- fail (printf "strictValues is set, and these values are not this chart's:\n%s" (join "\n" $refused)) -}}
{{- end -}}
{{- end -}}
{{- end -}}

{{- /* A row of files/renamed.yaml: takes the value out, and puts it where it belongs now. */ -}}
{{- define "saker.rename" -}}
{{- $row := .row -}}
{{- $parts := splitList "." $row.key -}}
{{- $parent := .values -}}
{{- range initial $parts -}}
{{- $parent = ternary (get $parent .) dict (and (kindIs "map" $parent) (kindIs "map" (get $parent .))) -}}
{{- end -}}
{{- $last := last $parts -}}
{{- if hasKey $parent $last -}}
{{- $value := get $parent $last -}}
{{- $_ := unset $parent $last -}}
{{- $kind := kindOf $value -}}
{{- if and (eq $kind "string") (eq (toString $row.now) "falco.rules_files") -}}
{{- $kind = "slice" -}}
{{- $value = list $value -}}
{{- end -}}
{{- $empty := or (kindIs "invalid" $value) (and (kindIs "map" $value) (not $value)) -}}
{{- if has $kind (list "int" "int64" "float64") -}}
{{- $kind = "string" -}}
{{- $value = toString $value -}}
{{- end -}}
{{- if $empty -}}
{{- else if and $row.now (eq $kind $row.kind) -}}
{{- $target := splitList "." $row.now -}}
{{- $node := .values -}}
{{- range initial $target -}}
{{- if not (kindIs "map" (get $node .)) -}}{{- $_ := set $node . dict -}}{{- end -}}
{{- $node = get $node . -}}
{{- end -}}
{{- $old := get $node (last $target) -}}
{{- if and (kindIs "map" $old) (kindIs "map" $value) -}}
{{- $value = mergeOverwrite $old $value -}}
{{- else if and (kindIs "slice" $old) (kindIs "slice" $value) (ne $row.now "falco.rules_files") -}}
{{- $value = concat $old $value -}}
{{- end -}}
{{- $_ := set $node (last $target) $value -}}
{{- $_ := set .notes "moved" (append .notes.moved (printf "%s: now %s" $row.key $row.now)) -}}
{{- else if $row.now -}}
{{- $_ := set .notes "unused" (append .notes.unused (printf "%s: now %s, and to be a %s" $row.key $row.now $row.kind)) -}}
{{- else -}}
{{- $list := ternary "accepted" "unused" (hasKey $row "accepted") -}}
{{- $_ := set .notes $list (append (get .notes $list) (printf "%s: %s" $row.key $row.why)) -}}
{{- end -}}
{{- end -}}
{{- end -}}

{{- /* Puts a default where a value is missing or null. */ -}}
{{- define "saker.fill" -}}
{{- $values := .values -}}
{{- range $key, $default := .defaults -}}
{{- $value := get $values $key -}}
{{- if and (kindIs "map" $value) (kindIs "map" $default) -}}
{{- include "saker.fill" (dict "values" $value "defaults" $default) -}}
{{- else if or (not (hasKey $values $key)) (kindIs "invalid" $value) -}}
{{- $_ := set $values $key $default -}}
{{- end -}}
{{- end -}}
{{- end -}}

{{- /* Values whose name this chart has, in a form that it has not. */ -}}
{{- define "saker.fit" -}}
{{- $v := .values -}}
{{- $notes := .notes -}}
{{- if kindIs "map" $v.extra.env -}}
{{- $env := list -}}
{{- range $name, $value := $v.extra.env -}}
{{- $env = append $env (dict "name" $name "value" (toString $value)) -}}
{{- end -}}
{{- $_ := set $v.extra "env" $env -}}
{{- end -}}
{{- if kindIs "map" $v.leastPrivileged -}}{{- $_ := set $v "leastPrivileged" true -}}{{- end -}}
{{- if not (kindIs "map" $v.customRules) -}}{{- $_ := set $v "customRules" dict -}}{{- end -}}
{{- range $name, $text := $v.customRules -}}
{{- if not $text -}}
{{- $_ := unset $v.customRules $name -}}
{{- else if not (regexMatch "\\.ya?ml$" $name) -}}
{{- $_ := unset $v.customRules $name -}}
{{- $_ := set $v.customRules (printf "%s.yaml" $name) $text -}}
{{- $_ := set $notes "moved" (append $notes.moved (printf "customRules.%s: now %s.yaml, as rule files end in .yaml or .yml" $name $name)) -}}
{{- end -}}
{{- end -}}
{{- if ne (lower $v.controller.kind) "daemonset" -}}
{{- $_ := set $notes "unused" (append $notes.unused (printf "controller.kind %s: a sensor runs on every node, as a DaemonSet" $v.controller.kind)) -}}
{{- end -}}
{{- $kind := dig "engine" "kind" "modern_ebpf" $v.falco | toString -}}
{{- if not (has $kind (list "modern_ebpf" "kmod" "ebpf")) -}}
{{- $_ := set $v.falco.engine "kind" "modern_ebpf" -}}
{{- $_ := set $notes "unused" (append $notes.unused (printf "falco.engine.kind %s: the sensor brings its own kernel programs" $kind)) -}}
{{- end -}}
{{- /* The API server refuses a surge beside pods that may be missing, and either of them with OnDelete. */ -}}
{{- $strategy := $v.controller.daemonset.updateStrategy -}}
{{- if eq $strategy.type "OnDelete" -}}
{{- $_ := unset $strategy "rollingUpdate" -}}
{{- else if not (has (toString $strategy.rollingUpdate.maxUnavailable) (list "0" "0%")) -}}
{{- $_ := set $strategy.rollingUpdate "maxSurge" 0 -}}
{{- end -}}
{{- if and $v.serviceMonitor.create (not (and $v.metrics.enabled $v.metrics.service.create)) -}}
{{- $_ := set $v.serviceMonitor "create" false -}}
{{- $_ := set $notes "unused" (append $notes.unused "serviceMonitor.create: needs metrics.enabled and metrics.service.create") -}}
{{- end -}}
{{- end -}}

{{- /*
Compares values with the schema. In falco, a name in camelCase, as in Falco's chart before 2.0, becomes that of falco.yaml.
Elsewhere, what the schema does not have is noted, and taken out, as Kubernetes refuses unknown fields; what is in falco stays, as a
newer sensor may know it.
*/ -}}
{{- define "saker.walk" -}}
{{- $s := .schema -}}
{{- $top := . -}}
{{- if and (kindIs "slice" .value) (kindIs "map" $s.items) -}}
{{- range $i, $item := .value -}}
{{- include "saker.walk" (dict "schema" $s.items "value" $item "path" (printf "%s[%d]" $top.path $i) "notes" $top.notes) -}}
{{- end -}}
{{- end -}}
{{- if kindIs "map" .value -}}
{{- $known := default dict $s.properties -}}
{{- $others := get $s "additionalProperties" -}}
{{- range $key := keys .value | sortAlpha -}}
{{- $value := get $top.value $key -}}
{{- $at := ternary $key (printf "%s.%s" $top.path $key) (eq $top.path "") -}}
{{- $name := snakecase $key -}}
{{- if hasKey $known $key -}}
{{- include "saker.walk" (dict "schema" (get $known $key) "value" $value "path" $at "notes" $top.notes) -}}
{{- else if kindIs "map" $others -}}
{{- include "saker.walk" (dict "schema" $others "value" $value "path" $at "notes" $top.notes) -}}
{{- else if and (hasPrefix "falco." $at) (hasKey $known $name) -}}
{{- $old := get $top.value $name -}}
{{- $_ := unset $top.value $key -}}
{{- if not (kindIs "invalid" $value) -}}
{{- if and (kindIs "map" $old) (kindIs "map" $value) -}}{{- $value = mergeOverwrite $old $value -}}{{- end -}}
{{- $_ := set $top.value $name $value -}}
{{- $_ := set $top.notes "moved" (append $top.notes.moved (printf "%s: now %s.%s" $at $top.path $name)) -}}
{{- include "saker.walk" (dict "schema" (get $known $name) "value" $value "path" (printf "%s.%s" $top.path $name) "notes" $top.notes) -}}
{{- end -}}
{{- else if kindIs "bool" $others -}}
{{- if not (hasPrefix "falco." $at) -}}{{- $_ := unset $top.value $key -}}{{- end -}}
{{- $_ := set $top.notes "unknown" (append $top.notes.unknown $at) -}}
{{- end -}}
{{- end -}}
{{- end -}}
{{- end -}}
