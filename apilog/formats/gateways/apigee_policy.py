"""The MessageLogging policy that makes Apigee log all that apilog can see.

Invariant: each value is a flow variable in quotes, so that one that is not resolved is empty.
"""

from __future__ import annotations

LOGGED = {
    "organization": "{organization.name}",
    "environment": "{environment.name}",
    "apiproxy": "{apiproxy.name}",
    "flow": "{apilog.flow}",
    "request_verb": "{request.verb}",
    "request_path": "{escapeJSON(proxy.basepath)}{escapeJSON(proxy.pathsuffix)}",
    "request_host": "{escapeJSON(request.header.host)}",
    "request_version": "{request.version}",
    "referer": "{escapeJSON(request.header.referer)}",
    "useragent": "{escapeJSON(request.header.user-agent)}",
    "client_ip": "{client.ip}",
    "response_status_code": "{message.status.code}",
    "target_status_code": "{response.status.code}",
    "client_received_start_timestamp": "{client.received.start.timestamp}",
    "client_sent_end_timestamp": "{client.sent.end.timestamp}",
    "target_sent_start_timestamp": "{target.sent.start.timestamp}",
    "target_received_end_timestamp": "{target.received.end.timestamp}",
    "request_size": "{request.header.content-length}",
    "response_size": "{response.header.content-length}",
    "developer_app": "{developer.app.name}",
    "developer": "{developer.id}",
    "api_product": "{apiproduct.name}",
    "message_id": "{messageid}",
    "traceparent": "{escapeJSON(request.header.traceparent)}",
    "fault_name": "{fault.name}",
    "cache_hit": "{responsecache.Response-Cache-1.cachehit}",
}
"""Key to flow variable, or to several of them one after the other."""

_MESSAGE = (
    "{\n" + ",\n".join(f'      "{key}": "{value}"' for key, value in LOGGED.items()) + "\n    }"
)

POLICY = f"""<?xml version="1.0" encoding="UTF-8" standalone="yes"?>
<!--
  Attach this policy to the PostClientFlow of the ProxyEndpoint, so that the times are known.
  apilog.flow: set it in each conditional flow with AssignMessage, to name the operation.
  Response-Cache-1: put the name of your ResponseCache policy there.
  Apigee Edge: use Syslog with Host and Port in place of CloudLogging and LogName.
-->
<MessageLogging name="ML-apilog" continueOnError="true" enabled="true">
  <DisplayName>ML-apilog</DisplayName>
  <CloudLogging>
    <LogName>projects/{{organization.name}}/logs/apigee</LogName>
    <Message contentType="application/json">{_MESSAGE}</Message>
  </CloudLogging>
</MessageLogging>
"""
"""The policy as XML."""
