{{/* Names and labels, and what is computed from values; _checks.tpl has what is refused. */}}

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

{{/* A setting as the service reads it: a number of a values file is a float, 1.048576e+06. */}}
{{- define "snapjail.text" -}}
{{- ternary . (toJson .) (kindIs "string" .) -}}
{{- end -}}

{{/*
SNAPJAIL_DRAIN_TIME at most: what the grace leaves after preStop. Two seconds less, because the
service takes up to one more than it for its last answers, and the kubelet's SIGKILL must find nobody.
*/}}
{{- define "snapjail.drainSecondsMax" -}}
{{- sub (int .Values.terminationGracePeriodSeconds) (add (int .Values.preStopSeconds) 2) -}}
{{- end -}}

{{/* A quantity of Kubernetes' in MiB: 1.5Gi, 500M, 1073741824. */}}
{{- define "snapjail.mebibytes" -}}
{{- $text := include "snapjail.text" . -}}
{{- $unit := regexFind "[A-Za-z]*$" $text -}}
{{- $bytes := dict "" 1.0 "m" 0.001 "k" 1e3 "M" 1e6 "G" 1e9 "T" 1e12
      "Ki" 1024.0 "Mi" 1048576.0 "Gi" 1073741824.0 "Ti" 1099511627776.0 -}}
{{- divf (mulf (float64 (trimSuffix $unit $text)) (get $bytes $unit)) 1048576.0 -}}
{{- end -}}
