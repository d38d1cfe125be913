{{/* $: the components of this release, each with pods of its own, an account and a policy. */}}
{{- define "recompose.components" -}}
{{- $values := .Values -}}
{{- $components := list "gateway" -}}
{{- if $values.gateway.writer.enabled }}{{ $components = append $components "gateway-writer" }}{{ end -}}
{{- $components = append $components "triton" -}}
{{- if not $values.qdrant.external.url }}{{ $components = append $components "qdrant" }}{{ end -}}
{{- if not $values.redis.external.secret }}{{ $components = append $components "redis" }}{{ end -}}
{{- if $values.monitoring.enabled }}{{ $components = append $components "redis-exporter" }}{{ end -}}
{{- if and $values.monitoring.enabled $values.imports.enabled }}{{ $components = append $components "pushgateway" }}{{ end -}}
{{- if $values.storefront.enabled }}{{ $components = append $components "storefront" }}{{ end -}}
{{- if $values.imports.enabled }}{{ $components = append $components "import" }}{{ end -}}
{{- if or $values.backup.enabled $values.collectPictures.enabled (ne $values.swap.kind "none") }}{{ $components = append $components "upkeep" }}{{ end -}}
{{- if $values.training.enabled }}{{ $components = append $components "training" }}{{ end -}}
{{- if $values.publish.enabled }}{{ $components = append $components "publish" }}{{ end -}}
{{- $components = append $components "test" -}}
{{- join " " $components -}}
{{- end -}}
