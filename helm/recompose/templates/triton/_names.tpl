{{- define "recompose.triton.address" -}}
{{ include "recompose.object" (list . "triton") }}:8001
{{- end -}}

{{/* triton's values: its resources, GPUs among them. */}}
{{- define "recompose.triton.resources" -}}
{{- $resources := deepCopy .resources -}}
{{- if gt (int .gpus) 0 -}}
{{- $_ := set $resources "limits" (merge (dict "nvidia.com/gpu" (int .gpus)) $resources.limits) -}}
{{- end -}}
{{- toYaml $resources -}}
{{- end -}}
