{{/* (list $ COMPONENT SUFFIX SPEC [SCHEDULE]): a Job of this spec, or a CronJob where there is a
schedule. A Job's template may not change: its name says what it does, so that changed values make
another Job. It stays when it has ended, or the next upgrade would run it again. */}}
{{- define "recompose.job" -}}
{{- $root := index . 0 -}}
{{- $component := index . 1 -}}
{{- $suffix := index . 2 -}}
{{- $spec := index . 3 -}}
{{- $schedule := "" -}}
{{- if gt (len .) 4 }}{{ $schedule = index . 4 }}{{ end -}}
apiVersion: batch/v1
{{- if $schedule }}
kind: CronJob
metadata:
  {{- include "recompose.metadata" (list $root $component $suffix) | nindent 2 }}
spec:
  schedule: {{ $schedule | quote }}
  concurrencyPolicy: Forbid
  startingDeadlineSeconds: 3600
  successfulJobsHistoryLimit: 1
  failedJobsHistoryLimit: 3
  jobTemplate:
    metadata:
      labels:
        {{- include "recompose.labels" (list $root $component) | nindent 8 }}
    spec:
      {{- $spec | nindent 6 }}
{{- else }}
kind: Job
metadata:
  {{- include "recompose.metadata" (list $root $component (printf "%s-%s" $suffix (sha256sum $spec | trunc 8))) | nindent 2 }}
spec:
  {{- $spec | nindent 2 }}
{{- end }}
{{- end -}}

{{/* What begins the spec of a Job: (list TRIES CODE...): an eviction costs no try, and a container
that ends with one of CODE is not tried again. */}}
{{- define "recompose.job.tries" -}}
backoffLimit: {{ index . 0 }}
podFailurePolicy:
  rules:
    - action: Ignore
      onPodConditions:
        - type: DisruptionTarget
          status: "True"
    {{- with rest . }}
    - action: FailJob
      onExitCodes:
        operator: In
        values:
          {{- range . }}
          - {{ . }}
          {{- end }}
    {{- end }}
{{- end -}}

{{/* (list $ COMPONENT): pod labels of a Job. They leave out the chart's version: a new chart alone
is no reason to run a Job again. */}}
{{- define "recompose.job.labels" -}}
labels:
  {{- include "recompose.selector" . | nindent 2 }}
{{- end -}}

{{/* (list $ VOLUME FILE): a container that waits for FILE, which another Job leaves in the volume
mounted under its own name; a week at most, and 2 where it does not come. */}}
{{- define "recompose.job.wait" -}}
{{- $root := index . 0 -}}
- name: wait
  {{- include "recompose.container" (list $root "gateway") | nindent 2 }}
  command: [sh, -ec]
  args:
    - |
      for _ in $(seq 10080); do
        if test -e {{ index . 2 }}; then exit 0; fi
        sleep 60
      done
      echo "{{ index . 2 }} did not come within a week." >&2
      exit 2
  resources:
    {{- toYaml $root.Values.initResources | nindent 4 }}
  volumeMounts:
    - name: {{ index . 1 }}
      mountPath: /{{ index . 1 }}
      readOnly: true
{{- end -}}
