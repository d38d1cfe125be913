{{/* $: digests of all bundles, the first one to begin with. */}}
{{- define "recompose.model.digests" -}}
{{- $digests := concat (list .Values.model.digest) .Values.model.further -}}
{{- join " " $digests -}}
{{- end -}}

{{/* $: where a gateway finds its bundles. */}}
{{- define "recompose.model.env" -}}
{{- if eq .Values.model.source "image" -}}
- name: BUNDLE_DIR
  value: /app/models
{{- else -}}
- name: BUNDLE_DIR
  value: /models/bundles/{{ .Values.model.digest }}
- name: BUNDLES_DIR
  value: /models/bundles
{{- end -}}
{{- end -}}

{{- define "recompose.model.mounts" -}}
{{- if ne .Values.model.source "image" }}
- name: models
  mountPath: /models
  readOnly: true
{{- end }}
{{- end -}}

{{- define "recompose.model.volumes" -}}
{{- if eq .Values.model.source "bucket" }}
- name: models
  emptyDir:
    sizeLimit: {{ .Values.model.size }}
{{- else if eq .Values.model.source "claim" }}
- name: models
  persistentVolumeClaim:
    claimName: {{ include "recompose.model.claim" . }}
{{- end }}
{{- end -}}

{{- define "recompose.model.claim" -}}
{{ .Values.model.existingClaim | default (include "recompose.object" (list . "models")) }}
{{- end -}}

{{/* (list $ [FILE...]): init containers that bring the bundles from object storage, or of each only
the named files. Checkpoints, which nothing here reads, stay where they are. */}}
{{- define "recompose.model.download" -}}
{{- $root := index . 0 -}}
{{- $files := rest . -}}
{{- range splitList " " (include "recompose.model.digests" $root) }}
- name: download-{{ . }}
  {{- include "recompose.container" (list $root "rclone") | nindent 2 }}
  args:
    - copy
    - models:{{ trimPrefix "s3://" $root.Values.model.bucket }}/{{ . }}
    - /models/bundles/{{ . }}
    {{- range $files }}
    - --include=/{{ . }}
    {{- else }}
    - --exclude=/*.pt
    {{- end }}
    - --config=/dev/null
    - --cache-dir=/tmp
    - --retries=5
    - --checksum
  env:
    - name: RCLONE_CONFIG_MODELS_TYPE
      value: s3
    - name: RCLONE_CONFIG_MODELS_PROVIDER
      value: {{ ternary "Other" "AWS" (ne $root.Values.objectStorage.endpoint "") }}
    - name: RCLONE_CONFIG_MODELS_ENV_AUTH
      value: "true"
    - name: RCLONE_CONFIG_MODELS_REGION
      value: {{ $root.Values.objectStorage.region }}
    {{- with $root.Values.objectStorage.endpoint }}
    - name: RCLONE_CONFIG_MODELS_ENDPOINT
      value: {{ . }}
    {{- end }}
    {{- include "recompose.env.storage" $root | nindent 4 }}
  volumeMounts:
    - name: models
      mountPath: /models
    - name: tmp
      mountPath: /tmp
  resources:
    {{- toYaml $root.Values.initResources | nindent 4 }}
{{- end }}
{{- end -}}
