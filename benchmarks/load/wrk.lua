-- wrk's own summary, as JSON. Times in microseconds.
function done(summary, latency, requests)
   local e = summary.errors
   print(string.format(
      '{"requests":%d,"microseconds":%d,"bytes":%d,"connect":%d,"read":%d,"write":%d,"status":%d,' ..
      '"timeout":%d,"p50":%f,"p99":%f,"max":%f}',
      summary.requests, summary.duration, summary.bytes, e.connect, e.read, e.write, e.status,
      e.timeout, latency:percentile(50), latency:percentile(99), latency.max))
end
