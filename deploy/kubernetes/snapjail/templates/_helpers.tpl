{{/* Names and labels, and the checks across values that a schema cannot make. */}}

{{- define "snapjail.name" -}}
{{- if contains .Chart.Name .Release.Name -}}
{{- .Release.Name | trunc 63 | trimSuffix "-" -}}
{{- else -}}
{{- printf "%s-%s" .Release.Name .Chart.Name | trunc 63 | trimSuffix "-" -}}
{{- end -}}
{{- end -}}

{{- define "snapjail.selector" -}}
app.kubernetes.io/name: {{ .Chart.Name }}
app.kubernetes.io/instance: {{ .Release.Name }}
{{- end -}}

{{- define "snapjail.labels" -}}
{{ include "snapjail.selector" . }}
app.kubernetes.io/version: {{ .Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ .Release.Service }}
helm.sh/chart: {{ printf "%s-%s" .Chart.Name .Chart.Version }}
{{- end -}}

{{- define "snapjail.image" -}}
{{- if .Values.image.digest -}}
{{ .Values.image.repository }}@{{ .Values.image.digest }}
{{- else -}}
{{ .Values.image.repository }}:{{ .Values.image.tag | default .Chart.AppVersion }}
{{- end -}}
{{- end -}}

{{- define "snapjail.checks" -}}
{{- $grace := int .Values.terminationGracePeriodSeconds -}}
{{- $needed := add (int .Values.preStopSeconds) 10 -}}
{{- if lt $grace (int $needed) -}}
{{- fail (printf "terminationGracePeriodSeconds is %d: preStopSeconds and the 10 s that running jobs have need %d" $grace (int $needed)) -}}
{{- end -}}
{{- if and (eq (.Values.containerSecurityContext.procMount | default "Default") "Unmasked") .Values.pod.hostUsers -}}
{{- fail "containerSecurityContext.procMount: Unmasked needs pod.hostUsers: false, Kubernetes refuses it otherwise" -}}
{{- end -}}
{{- if and .Values.autoscaling.enabled (gt (int .Values.autoscaling.minReplicas) (int .Values.autoscaling.maxReplicas)) -}}
{{- fail "autoscaling.minReplicas is more than autoscaling.maxReplicas" -}}
{{- end -}}
{{- end -}}
