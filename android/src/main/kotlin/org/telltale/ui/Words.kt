package org.telltale.ui

import android.content.Context
import android.text.format.Formatter
import java.time.Instant
import java.time.ZoneId
import java.time.format.DateTimeFormatter
import java.time.format.FormatStyle
import java.util.Locale
import org.telltale.R
import org.telltale.engine.Identifier
import org.telltale.engine.Phase
import org.telltale.engine.Severity

/** The report's stable words in the user's language. */
class Words(private val context: Context) {
    private val locale: Locale = context.resources.configuration.locales[0]
    private val moment = DateTimeFormatter.ofLocalizedDateTime(FormatStyle.MEDIUM).withLocale(locale).withZone(ZoneId.systemDefault())
    private val clock = DateTimeFormatter.ofLocalizedTime(FormatStyle.MEDIUM).withLocale(locale).withZone(ZoneId.systemDefault())
    private val date = DateTimeFormatter.ofLocalizedDateTime(FormatStyle.MEDIUM, FormatStyle.SHORT).withLocale(locale).withZone(ZoneId.systemDefault())

    fun severity(severity: Severity): String = context.getString(
        when (severity) {
            Severity.CRITICAL -> R.string.critical
            Severity.HIGH -> R.string.high
            Severity.MEDIUM -> R.string.medium
            Severity.LOW -> R.string.low
            Severity.INFO -> R.string.info
        },
    )

    fun phase(phase: Phase): String = context.getString(
        when (phase) {
            Phase.STARTED -> R.string.phase_started
            Phase.LOCKED_BOOT -> R.string.phase_locked_boot
            Phase.BOOT_COMPLETED -> R.string.phase_boot_completed
            Phase.NETWORK_UP -> R.string.phase_network_up
            Phase.NETWORK_DOWN -> R.string.phase_network_down
            Phase.SIM_LOADED -> R.string.phase_sim_loaded
            Phase.SIM_REMOVED -> R.string.phase_sim_removed
            Phase.SETUP_DONE -> R.string.phase_setup_done
            Phase.UNLOCK -> R.string.phase_unlock
            Phase.SCREEN_ON -> R.string.phase_screen_on
            Phase.SCREEN_OFF -> R.string.phase_screen_off
            Phase.STOPPED -> R.string.phase_stopped
        },
    )

    /** A kind of identifier; the word itself for one that a newer engine knows. */
    fun kind(kind: String): String = KINDS[kind]?.let(context::getString) ?: kind

    /** What a connection is for; null when nothing tells, the word itself for a purpose that a newer engine knows. */
    fun purpose(purpose: String?): String? = purpose.takeIf { it != "unknown" }?.let { PURPOSES[it]?.let(context::getString) ?: it }

    /** Whether a normal boot has a finding; null when that is not known. */
    fun normal(expected: Boolean?): String? = expected?.let { context.getString(if (it) R.string.normal_yes else R.string.normal_no) }

    /** How sure the engine is that it is one. */
    fun confidence(identifier: Identifier): String = context.getString(
        when (identifier.confidence) {
            "known" -> R.string.confidence_known
            "key" -> R.string.confidence_key
            "recurrence" -> R.string.confidence_recurrence
            else -> R.string.confidence_shape
        },
    )

    /** What ails the phone's connections. */
    fun trouble(what: String): String = context.getString(
        when (what) {
            "no_route" -> R.string.trouble_no_route
            "dns_silent" -> R.string.trouble_dns_silent
            "resets" -> R.string.trouble_resets
            "refused_flows" -> R.string.trouble_refused_flows
            "host_failed" -> R.string.trouble_host_failed
            else -> R.string.trouble_other
        },
    )

    /** Whether content could be read by anybody. */
    fun content(encrypted: Boolean?): String = context.getString(
        when (encrypted) {
            false -> R.string.in_clear
            true -> R.string.encrypted
            null -> R.string.unknown_content
        },
    )

    /** The country of an ISO 3166-1 alpha-2 [code]. */
    fun country(code: String): String = Locale.Builder().setRegion(code).build().getDisplayCountry(locale)

    /** What the tunnel cannot see, a sentence each. */
    fun unseen(): List<String> = context.resources.getStringArray(R.array.unseen).toList() + context.getString(R.string.unseen_note)

    /** Time of day, in the phone's zone. */
    fun time(at: Instant): String = clock.format(at)

    /** Date and time of day with seconds, in the phone's zone. */
    fun moment(at: Instant): String = moment.format(at)

    /** Date and time of day, in the phone's zone. */
    fun date(at: Instant): String = date.format(at)

    fun bytes(count: Long): String = Formatter.formatShortFileSize(context, count)

    private companion object {
        val KINDS = mapOf(
            "imei" to R.string.kind_imei, "imeisv" to R.string.kind_imeisv, "meid" to R.string.kind_meid, "imsi" to R.string.kind_imsi,
            "iccid" to R.string.kind_iccid, "eid" to R.string.kind_eid, "msisdn" to R.string.kind_msisdn,
            "android_id" to R.string.kind_android_id, "gsf_id" to R.string.kind_gsf_id, "advertising_id" to R.string.kind_advertising_id,
            "serial" to R.string.kind_serial, "mac" to R.string.kind_mac, "ssid" to R.string.kind_ssid, "bssid" to R.string.kind_bssid,
            "cell" to R.string.kind_cell, "location" to R.string.kind_location, "fingerprint" to R.string.kind_fingerprint,
            "widevine_id" to R.string.kind_widevine_id, "fcm_token" to R.string.kind_fcm_token,
            "device_token" to R.string.kind_device_token,
        )
        val PURPOSES = mapOf(
            "connectivity_check" to R.string.purpose_connectivity_check, "time" to R.string.purpose_time,
            "push" to R.string.purpose_push, "check_in" to R.string.purpose_check_in,
            "registration" to R.string.purpose_registration, "firmware" to R.string.purpose_firmware,
            "analytics" to R.string.purpose_analytics, "crash" to R.string.purpose_crash, "ads" to R.string.purpose_ads,
            "location_assistance" to R.string.purpose_location_assistance, "account" to R.string.purpose_account,
            "config" to R.string.purpose_config, "dns" to R.string.purpose_dns,
        )
    }
}
