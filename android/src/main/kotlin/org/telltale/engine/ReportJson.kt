package org.telltale.engine

import java.time.Instant
import java.time.format.DateTimeParseException
import org.json.JSONArray
import org.json.JSONException
import org.json.JSONObject

/**
 * Reads a report's UTF-8 [json]. Fields that are not known are passed over.
 *
 * @throws JSONException it is no report of a schema that can be read.
 */
fun parseReport(json: ByteArray): Report {
    val root = JSONObject(json.decodeToString())
    if (root.getString("schema") != "telltale.report/1") throw JSONException("not a report of schema telltale.report/1")
    val capture = root.getJSONObject("capture")
    return Report(
        source = capture.getString("source"),
        first = capture.instantOrNull("first"),
        last = capture.instantOrNull("last"),
        packets = capture.getLong("packets"),
        truncated = capture.textOrNull("truncated"),
        coverage = parseCoverage(root.getJSONObject("coverage")),
        phases = root.getJSONArray("phases").objects().mapNotNull(::parsePhase),
        flows = root.getJSONArray("flows").objects().map(::parseFlow),
        findings = root.getJSONArray("findings").objects().map(::parseFinding),
        unseen = root.getJSONArray("unseen").objects().map(::parseUnseen),
    )
}

private fun parseCoverage(json: JSONObject) = Coverage(
    flows = json.getInt("flows"),
    named = json.getInt("named"),
    readable = json.getInt("readable"),
    encrypted = json.getInt("encrypted"),
    unknown = json.getInt("unknown"),
    payloadBytes = json.getLong("payload_bytes"),
    searchedBytes = json.getLong("searched_bytes"),
    encryptedBytes = json.getLong("encrypted_bytes"),
    watched = json.optJSONArray("watched").strings(),
)

private fun parsePhase(json: JSONObject): PhaseMark? =
    Phase.of(json.getString("phase"))?.let { PhaseMark(it, json.instant("at")) }

private fun parseUnseen(json: JSONObject) =
    Unseen(json.getString("what"), if (json.isNull("count")) null else json.getLong("count"), json.getString("why"))

internal fun parseFlow(json: JSONObject) = Flow(
    id = json.getLong("id"),
    transport = json.getString("transport"),
    local = json.getString("local"),
    remote = json.getString("remote"),
    app = json.optJSONObject("app")?.let { App(it.getString("name"), if (it.isNull("uid")) null else it.getInt("uid")) },
    opened = json.instant("opened"),
    closed = json.instantOrNull("closed"),
    bytesOut = json.optLong("bytes_out"),
    bytesIn = json.optLong("bytes_in"),
    protocols = json.optJSONArray("protocols").strings(),
    host = json.textOrNull("host"),
    country = json.textOrNull("country"),
    owner = json.textOrNull("owner"),
    purpose = json.textOrNull("purpose"),
    encrypted = json.booleanOrNull("encrypted"),
)

internal fun parseFinding(json: JSONObject): Finding {
    // Events bring the values beside the masked ones; reports do not.
    val values = json.optJSONArray("values").strings()
    return Finding(
        id = json.getLong("id"),
        rule = json.getString("rule"),
        severity = Severity.of(json.getString("severity")),
        title = json.getString("title"),
        why = json.getString("why"),
        flow = json.getLong("flow"),
        at = json.instant("at"),
        phase = Phase.of(json.textOrNull("phase")),
        host = json.textOrNull("host"),
        owner = json.textOrNull("owner"),
        country = json.textOrNull("country"),
        encrypted = json.booleanOrNull("encrypted"),
        disguise = json.textOrNull("disguise"),
        expected = json.booleanOrNull("expected"),
        identifiers = json.getJSONArray("identifiers").objects().mapIndexed { i, it -> parseIdentifier(it, values.getOrNull(i)) },
    )
}

private fun parseIdentifier(json: JSONObject, value: String?) = Identifier(
    kind = json.getString("kind"),
    masked = json.getString("value"),
    value = value,
    confidence = json.getString("confidence"),
    decode = json.optJSONArray("decode").strings(),
    outbound = json.optString("direction") != "inbound",
)

internal fun JSONObject.instant(name: String): Instant = try {
    Instant.parse(getString(name))
} catch (malformed: DateTimeParseException) {
    throw JSONException("$name is no time")
}

private fun JSONObject.instantOrNull(name: String): Instant? = if (isNull(name)) null else instant(name)

internal fun JSONObject.textOrNull(name: String): String? = if (isNull(name)) null else getString(name)

private fun JSONObject.booleanOrNull(name: String): Boolean? = if (isNull(name)) null else getBoolean(name)

private fun JSONArray.objects(): List<JSONObject> = List(length(), ::getJSONObject)

private fun JSONArray?.strings(): List<String> = if (this == null) emptyList() else List(length(), ::getString)
