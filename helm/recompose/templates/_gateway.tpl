{{/* $: the environment of a gateway, and of its commands. */}}
{{- define "recompose.gateway.env" -}}
{{- $values := .Values -}}
- name: HTTP_HOST
  value: 0.0.0.0
- name: HTTP_PORT
  value: "8080"
- name: GRPC_HOST
  value: 0.0.0.0
- name: GRPC_PORT
  value: "50051"
- name: TRITON_URL
  value: {{ include "recompose.triton.address" . }}
{{ include "recompose.qdrant.env" . }}
{{ include "recompose.redis.env" . }}
{{ include "recompose.env.secret" (list . "CACHE_KEY" "cache-key") }}
- name: DATA_DIR
  value: /data
{{- if .Values.pictures.bucket }}
- name: IMAGE_STORE
  value: {{ .Values.pictures.bucket }}
{{- with .Values.objectStorage.endpoint }}
- name: IMAGE_STORE_ENDPOINT
  value: {{ . }}
{{- end }}
- name: IMAGE_STORE_REGION
  value: {{ .Values.objectStorage.region }}
{{- end }}
{{- if or .Values.pictures.bucket (eq .Values.model.source "bucket") }}
{{- include "recompose.env.storage" . }}
{{- end }}
{{ include "recompose.model.env" . }}
{{- with include "recompose.imageUris" . }}
- name: IMAGE_URIS
  value: {{ . }}
{{- with $values.gateway.imageUris.hosts }}
- name: IMAGE_URI_HOSTS
  value: {{ join "," . | quote }}
{{- end }}
{{- end }}
- name: DRAIN_GRACE_S
  value: "1"
- name: DRAIN_BUDGET_S
  value: "10"
{{- range $name, $value := .Values.gateway.settings }}
- name: {{ $name }}
  value: {{ include "recompose.text" $value | quote }}
{{- end }}
{{- end -}}

{{/* (list $ COMPONENT): where a gateway that serves sends its traces. */}}
{{- define "recompose.gateway.tracing" -}}
{{- $root := index . 0 -}}
{{- $component := index . 1 -}}
{{- with $root.Values.gateway.tracing.endpoint -}}
- name: POD_NAME
  valueFrom:
    fieldRef:
      fieldPath: metadata.name
- name: OTEL_EXPORTER_OTLP_ENDPOINT
  value: {{ . }}
- name: OTEL_SERVICE_NAME
  value: recompose-{{ $component }}
- name: OTEL_RESOURCE_ATTRIBUTES
  value: k8s.namespace.name={{ $root.Release.Namespace }},k8s.pod.name=$(POD_NAME)
- name: OTEL_TRACES_SAMPLER
  value: parentbased_traceidratio
- name: OTEL_TRACES_SAMPLER_ARG
  value: {{ include "recompose.text" $root.Values.gateway.tracing.share | quote }}
{{- end }}
{{- end -}}

{{/* $: how pictures are fetched by their address: allowlist, public, or nothing where it is off. */}}
{{- define "recompose.imageUris" -}}
{{- $mode := toString .Values.gateway.imageUris.mode -}}
{{- if not (has $mode (list "off" "false")) }}{{ $mode }}{{ end -}}
{{- end -}}

{{/* $: what a gateway mounts. */}}
{{- define "recompose.gateway.mounts" -}}
- name: data
  mountPath: /data
- name: tmp
  mountPath: /tmp
{{- include "recompose.model.mounts" . }}
{{- end -}}

{{/* $: the volumes of these mounts. */}}
{{- define "recompose.gateway.volumes" -}}
- name: data
{{- if .Values.pictures.bucket }}
  emptyDir:
    sizeLimit: 1Gi
{{- else }}
  persistentVolumeClaim:
    claimName: {{ include "recompose.object" (list . "pictures") }}
{{- end }}
- name: tmp
  emptyDir:
    sizeLimit: 1Gi
{{- include "recompose.model.volumes" . }}
{{- end -}}

{{/* $: whose gRPC port takes writes. */}}
{{- define "recompose.gateway.writer" -}}
{{ include "recompose.object" (list . (ternary "gateway-writer" "gateway" .Values.gateway.writer.enabled)) }}
{{- end -}}
