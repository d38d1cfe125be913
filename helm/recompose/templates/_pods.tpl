{{/* (list $ COMPONENT): what the spec of every pod begins with. Pod Security 'restricted', no token
of the API, which nothing here calls. */}}
{{- define "recompose.pod" -}}
{{- $root := index . 0 -}}
serviceAccountName: {{ include "recompose.object" . }}
automountServiceAccountToken: false
enableServiceLinks: false
securityContext:
  runAsNonRoot: true
  runAsUser: 10001
  runAsGroup: 10001
  fsGroup: 10001
  fsGroupChangePolicy: OnRootMismatch
  seccompProfile:
    type: RuntimeDefault
{{- with $root.Values.images.pullSecrets }}
imagePullSecrets:
  {{- range . }}
  - name: {{ . }}
  {{- end }}
{{- end }}
{{- end -}}

{{/* (list $ IMAGE): what every container has in common; IMAGE is a key of images. */}}
{{- define "recompose.container" -}}
{{- $images := (index . 0).Values.images -}}
image: {{ index $images (index . 1) }}
imagePullPolicy: {{ $images.pullPolicy }}
securityContext:
  allowPrivilegeEscalation: false
  readOnlyRootFilesystem: true
  capabilities:
    drop: [ALL]
{{- end -}}

{{/* (list $ COMPONENT): replicas apart from each other, as far as there is room. */}}
{{- define "recompose.spread" -}}
topologySpreadConstraints:
  {{- range list "kubernetes.io/hostname" "topology.kubernetes.io/zone" }}
  - maxSkew: 1
    topologyKey: {{ . }}
    whenUnsatisfiable: ScheduleAnyway
    labelSelector:
      matchLabels:
        {{- include "recompose.selector" $ | nindent 8 }}
  {{- end }}
{{- end -}}

{{/* A value as text. Helm reads every number as a float, and would write a million as 1e+06. */}}
{{- define "recompose.text" -}}
{{- if and (kindIs "float64" .) (eq . (floor .)) }}{{ int64 . }}{{ else }}{{ . }}{{ end -}}
{{- end -}}

{{/* (list $ NAME KEY): an environment variable out of the release's Secret. */}}
{{- define "recompose.env.secret" -}}
- name: {{ index . 1 }}
  valueFrom:
    secretKeyRef:
      name: {{ (index . 0).Values.secret }}
      key: {{ index . 2 }}
{{- end -}}

{{/* $: the keys of object storage, where they are in a Secret. */}}
{{- define "recompose.env.storage" -}}
{{- with .Values.objectStorage.credentialsSecret }}
{{- $secret := . -}}
{{- range list "AWS_ACCESS_KEY_ID" "AWS_SECRET_ACCESS_KEY" }}
- name: {{ . }}
  valueFrom:
    secretKeyRef:
      name: {{ $secret }}
      key: {{ . }}
{{- end }}
{{- end }}
{{- end -}}

{{/* (list $ COMPONENT): one pod at a time may be drained. Pods that do not answer may always go. */}}
{{- define "recompose.disruption" -}}
apiVersion: policy/v1
kind: PodDisruptionBudget
metadata:
  {{- include "recompose.metadata" . | nindent 2 }}
spec:
  maxUnavailable: 1
  unhealthyPodEvictionPolicy: AlwaysAllow
  selector:
    matchLabels:
      {{- include "recompose.selector" . | nindent 6 }}
{{- end -}}

{{/* (list $ COMPONENT): the account of a component; no token, so it may do nothing in the cluster.
Annotations bind it to a role of the cloud, for object storage. */}}
{{- define "recompose.serviceaccount" -}}
apiVersion: v1
kind: ServiceAccount
metadata:
  {{- include "recompose.metadata" . | nindent 2 }}
  {{- with (index . 0).Values.objectStorage.serviceAccountAnnotations }}
  annotations:
    {{- toYaml . | nindent 4 }}
  {{- end }}
automountServiceAccountToken: false
{{- end -}}
