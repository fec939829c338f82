package org.telltale.engine

import java.time.Instant
import org.json.JSONException
import org.json.JSONObject
import org.junit.Assert.assertEquals
import org.junit.Assert.assertFalse
import org.junit.Assert.assertNull
import org.junit.Assert.assertThrows
import org.junit.Assert.assertTrue
import org.junit.Test
import org.junit.runner.RunWith
import org.robolectric.RobolectricTestRunner
import org.telltale.demoReport

@RunWith(RobolectricTestRunner::class)
class JsonTest {
    private fun event(json: String) = EngineEvent.parse(json.toByteArray())

    @Test
    fun readsTheEnginesOwnReport() {
        val report = parseReport(demoReport())
        assertEquals("boot.pcapng", report.source)
        assertEquals(23, report.coverage.flows)
        assertEquals(23, report.flows.size)
        val severities = listOf(Severity.INFO, Severity.CRITICAL, Severity.MEDIUM, Severity.CRITICAL, Severity.CRITICAL)
        assertEquals(severities, report.findings.map { it.severity })
        val registration = report.findings[1]
        assertEquals("zzhc.vnet.cn", registration.host)
        assertEquals("CN", registration.country)
        assertEquals("base64", registration.disguise)
        assertEquals(false, registration.expected)
        assertEquals(false, registration.encrypted)
        assertTrue(registration.identifiers.any { it.kind == "imei" && '*' in it.masked && it.value == null })
        assertEquals(App("com.qualcomm.qti.autoregistration", 1000), report.flows.first { it.id == registration.flow }.app)
        assertTrue(report.unseen.any { it.what == "modem" && it.count == null })
        assertEquals(Phase.LOCKED_BOOT, report.phases[1].phase)
    }

    @Test
    fun toleratesFieldsOfALaterVersion() {
        val json = JSONObject(demoReport().decodeToString()).put("mood", "good")
        json.getJSONArray("flows").getJSONObject(0).put("colour", JSONObject())
        assertEquals(23, parseReport(json.toString().toByteArray()).flows.size)
    }

    @Test
    fun refusesWhatIsNoReport() {
        assertThrows(JSONException::class.java) { parseReport("""{"schema":"other/1"}""".toByteArray()) }
        assertThrows(JSONException::class.java) { parseReport("nothing".toByteArray()) }
    }

    @Test
    fun readsEvents() {
        assertEquals(
            EngineEvent.PhaseEntered(Phase.UNLOCK, Instant.parse("2019-02-14T08:01:19.1Z")),
            event("""{"type":"phase","phase":"unlock","at":"2019-02-14T08:01:19.1Z"}"""),
        )
        assertEquals(
            EngineEvent.Trouble("dns_silent", 12, false, "Name servers do not answer."),
            event("""{"type":"trouble","what":"dns_silent","count":12,"over":false,"text":"Name servers do not answer."}"""),
        )
        assertEquals(EngineEvent.RecordingFailed("disk full"), event("""{"type":"recording_failed","text":"disk full"}"""))
        assertEquals(
            EngineEvent.Ended(EngineEvent.End.TUN_FAILED, null),
            event("""{"type":"ended","why":"tun_failed","text":null}"""),
        )
    }

    @Test
    fun aFindingsEventBringsItsValues() {
        val finding = JSONObject(demoReport().decodeToString()).getJSONArray("findings").getJSONObject(1)
        val count = finding.getJSONArray("identifiers").length()
        val values = (1..count).map { "value $it" }
        val flagged = event(finding.put("type", "finding").put("values", org.json.JSONArray(values)).toString())
        assertEquals(values, (flagged as EngineEvent.Flagged).finding.identifiers.map { it.value })
        assertFalse("values stay out of logs", "value 1" in flagged.toString())
    }

    @Test
    fun passesOverWhatItDoesNotKnow() {
        assertNull(event("""{"type":"weather","text":"rain"}"""))
        assertNull(event("""{"type":"phase","phase":"on_fire","at":"2019-02-14T08:01:19Z"}"""))
        assertNull(event("""{"type":"phase","phase":"unlock","at":"noon"}"""))
        assertNull(event("no json"))
        val unknown = event("""{"type":"ended","why":"bored","text":"x"}""") as EngineEvent.Ended
        assertEquals("an unknown end is no good end", EngineEvent.End.PANICKED, unknown.why)
    }

    @Test
    fun writesTheConfiguration() {
        val config = EngineConfig("a.pcapng", "NO", listOf(WatchedValue("imei", "356938035643809")), 1500, "/x/r.pcapng", true)
        val json = JSONObject(config.toJson().decodeToString())
        assertEquals(setOf("source", "home", "watch", "mtu", "recording", "drill"), json.keys().asSequence().toSet())
        assertEquals("356938035643809", json.getJSONArray("watch").getJSONObject(0).getString("value"))
        assertFalse("values stay out of logs", "356938035643809" in config.toString())
        assertEquals(setOf("source", "watch", "drill"), JSONObject(EngineConfig("a").toJson().decodeToString()).keys().asSequence().toSet())
    }
}
