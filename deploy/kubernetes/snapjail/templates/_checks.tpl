{{/*
What a schema cannot refuse, because it is of several values together. Each message names the value
to change. Limits come from `settings`, else they are the service's defaults; what an nsjail
configuration says is not read here, so give such a limit in `settings` too.
*/}}

{{- define "snapjail.checks" -}}
{{- include "snapjail.checkStop" . -}}
{{- include "snapjail.checkMemory" . -}}
{{- include "snapjail.checkUserNamespace" . -}}
{{- if and .Values.autoscaling.enabled (gt (int .Values.autoscaling.minReplicas) (int .Values.autoscaling.maxReplicas)) -}}
{{- fail "autoscaling.minReplicas is more than autoscaling.maxReplicas" -}}
{{- end -}}
{{- end -}}

{{- define "snapjail.checkStop" -}}
{{- $room := include "snapjail.drainSecondsMax" . | int -}}
{{- $grace := int .Values.terminationGracePeriodSeconds -}}
{{- $drain := get .Values.settings "SNAPJAIL_DRAIN_TIME" -}}
{{- $job := get .Values.settings "SNAPJAIL_TIME_LIMIT" | default 6 | float64 -}}
{{- if hasKey .Values.settings "SNAPJAIL_DRAIN_TIME" -}}
{{- if gt (float64 $drain) (float64 $room) -}}
{{- fail (printf "settings.SNAPJAIL_DRAIN_TIME is %v: terminationGracePeriodSeconds of %d leaves %d s, after preStopSeconds and 2 s for the end" $drain $grace $room) -}}
{{- end -}}
{{- else if lt (float64 $room) $job -}}
{{- fail (printf "terminationGracePeriodSeconds is %d: after preStopSeconds and 2 s for the end it leaves %d s, and a job may take %v; settings.SNAPJAIL_DRAIN_TIME, if set, ends jobs sooner" $grace $room $job) -}}
{{- end -}}
{{- end -}}

{{- define "snapjail.checkMemory" -}}
{{- $slots := int64 .Values.slots -}}
{{- $memory := get .Values.settings "SNAPJAIL_MEMORY_LIMIT" | default 1024 | int64 -}}
{{- $tmp := get .Values.settings "SNAPJAIL_TMP_LIMIT" | default 100 | int64 -}}
{{- $needed := add (mul $slots (add $memory $tmp)) 1024 -}}
{{- if lt (include "snapjail.mebibytes" .Values.resources.limits.memory | float64) (float64 $needed) -}}
{{- fail (printf "resources.limits.memory is %v: %d slots of %d + %d MiB, and 1 GiB for the service, need %dMi" .Values.resources.limits.memory $slots $memory $tmp $needed) -}}
{{- end -}}
{{- $files := mul $slots $tmp -}}
{{- if and (ne .Values.isolation "full") (lt (include "snapjail.mebibytes" .Values.tmpSize | float64) (float64 $files)) -}}
{{- fail (printf "tmpSize is %v: in tier process the files of %d slots lie there, %d MiB each, and need %dMi" .Values.tmpSize $slots $tmp $files) -}}
{{- end -}}
{{- end -}}

{{- define "snapjail.checkUserNamespace" -}}
{{- if .Values.pod.hostUsers -}}
{{- if eq (.Values.containerSecurityContext.procMount | default "Default") "Unmasked" -}}
{{- fail "containerSecurityContext.procMount: Unmasked needs pod.hostUsers: false, Kubernetes refuses it otherwise" -}}
{{- end -}}
{{- else if semverCompare "<1.33.0-0" .Capabilities.KubeVersion.Version -}}
{{- fail (printf "pod.hostUsers: false needs Kubernetes 1.33, this is %s: an older one ignores it where the feature is off, and root in the pod is then root on the node" .Capabilities.KubeVersion.Version) -}}
{{- end -}}
{{- end -}}
