{{/* (list $ COMPONENT): head of the policy of a component's pods. */}}
{{- define "recompose.policy" -}}
apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata:
  {{- include "recompose.metadata" . | nindent 2 }}
spec:
  podSelector:
    matchLabels:
      {{- include "recompose.selector" . | nindent 6 }}
  policyTypes: [Ingress, Egress]
{{- end -}}

{{/* (list PORT...): TCP ports of a rule. */}}
{{- define "recompose.ports" -}}
ports:
  {{- range . }}
  - port: {{ . }}
    protocol: TCP
  {{- end }}
{{- end -}}

{{/* $: what every pod may ask: names. */}}
{{- define "recompose.egress.dns" -}}
- to:
    {{- toYaml .Values.networkPolicy.dns | nindent 4 }}
  ports:
    - port: 53
      protocol: UDP
    - port: 53
      protocol: TCP
{{- end -}}

{{/* $: where a gateway goes beside that: to its caches. */}}
{{- define "recompose.egress.redis" -}}
{{- if not .Values.redis.external.secret -}}
- to:
    {{- include "recompose.peers" (list . "redis") | nindent 4 }}
  {{- include "recompose.ports" (list 6379) | nindent 2 }}
{{- end }}
{{- end -}}

{{/* $: where a gateway goes for pictures by their address: out, and nowhere inside. It checks
addresses itself; this holds should it ever be wrong. */}}
{{- define "recompose.egress.pictures" -}}
{{- if include "recompose.imageUris" . -}}
- to:
    - ipBlock:
        cidr: 0.0.0.0/0
        except:
          - 0.0.0.0/8
          - 10.0.0.0/8
          - 100.64.0.0/10
          - 127.0.0.0/8
          - 168.63.129.16/32
          - 169.254.0.0/16
          - 172.16.0.0/12
          - 192.0.0.0/24
          - 192.168.0.0/16
          - 224.0.0.0/3
    - ipBlock:
        cidr: 2000::/3
        except: ["2001::/23", "2002::/16"]
  {{- include "recompose.ports" (list 80 443) | nindent 2 }}
{{- end }}
{{- end -}}

{{/* $: where a gateway, or a command of it, goes. */}}
{{- define "recompose.egress.gateway" -}}
{{ include "recompose.egress.dns" . }}
- to:
    {{- include "recompose.peers" (list . "triton") | nindent 4 }}
  {{- include "recompose.ports" (list 8001) | nindent 2 }}
{{- if not .Values.qdrant.external.url }}
- to:
    {{- include "recompose.peers" (list . "qdrant") | nindent 4 }}
  {{- include "recompose.ports" (list 6334) | nindent 2 }}
{{- end }}
{{- with .Values.networkPolicy.external }}
{{ toYaml . }}
{{- end }}
{{- end -}}

{{/* $: where a gateway that serves sends its traces. */}}
{{- define "recompose.egress.collector" -}}
{{- $tracing := .Values.gateway.tracing -}}
{{- if and $tracing.endpoint $tracing.collector -}}
- to:
    {{- toYaml $tracing.collector | nindent 4 }}
  {{- include "recompose.ports" (list (regexFind "[0-9]+$" $tracing.endpoint | default "4317")) | nindent 2 }}
{{- end }}
{{- end -}}

{{/* (list $ PORT): the monitoring reads metrics. */}}
{{- define "recompose.ingress.metrics" -}}
{{- with (index . 0).Values.networkPolicy.monitoring }}
- from:
    {{- toYaml . | nindent 4 }}
  {{- include "recompose.ports" (list (index $ 1)) | nindent 2 }}
{{- end }}
{{- end -}}
