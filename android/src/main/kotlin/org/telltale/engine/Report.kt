package org.telltale.engine

import java.time.Instant

/** A report, schema `telltale.report/1`; `docs/report.md` says what each field means. */
data class Report(
    val source: String,
    val first: Instant?,
    val last: Instant?,
    val packets: Long,
    val truncated: String?,
    val coverage: Coverage,
    val phases: List<PhaseMark>,
    val flows: List<Flow>,
    val findings: List<Finding>,
    val unseen: List<Unseen>,
)

/** How much could be seen: connections in all, and of them with a name, in clear, encrypted, neither. */
data class Coverage(
    val flows: Int,
    val named: Int,
    val readable: Int,
    val encrypted: Int,
    val unknown: Int,
    val payloadBytes: Long,
    val searchedBytes: Long,
    val encryptedBytes: Long,
    val watched: List<String>,
)

/** When a phase was entered. */
data class PhaseMark(val phase: Phase, val at: Instant)

/** What could not be seen; [why] is English. */
data class Unseen(val what: String, val count: Long?, val why: String)

/** Who opened a connection: [name] is a package, or what is known instead. */
data class App(val name: String, val uid: Int?)

/** A connection. [encrypted] is null when nobody can tell. */
data class Flow(
    val id: Long,
    val transport: String,
    val local: String,
    val remote: String,
    val app: App?,
    val opened: Instant,
    val closed: Instant?,
    val bytesOut: Long,
    val bytesIn: Long,
    val protocols: List<String>,
    val host: String?,
    val country: String?,
    val owner: String?,
    val purpose: String?,
    val encrypted: Boolean?,
)

/** How bad a finding is, the worst first. */
enum class Severity {
    CRITICAL, HIGH, MEDIUM, LOW, INFO;

    companion object {
        /** Of that [word]; one that is not known counts as the mildest. */
        fun of(word: String): Severity = entries.firstOrNull { it.name.equals(word, ignoreCase = true) } ?: INFO
    }
}

/**
 * Something that was flagged.
 *
 * @property disguise what the identifiers were wrapped up in, in English; null when they stood there plainly.
 * @property expected whether a normal boot has it; null when that is not known.
 */
data class Finding(
    val id: Long,
    val rule: String,
    val severity: Severity,
    val title: String,
    val why: String,
    val flow: Long,
    val at: Instant,
    val phase: Phase?,
    val host: String?,
    val owner: String?,
    val country: String?,
    val encrypted: Boolean?,
    val disguise: String?,
    val expected: Boolean?,
    val identifiers: List<Identifier>,
)

/**
 * An identifier in a finding.
 *
 * @property masked fit to be shown to anybody.
 * @property value as it was sent; null when only the masked one is known.
 * @property decode the steps from the stream's bytes to the value.
 */
data class Identifier(
    val kind: String,
    val masked: String,
    val value: String?,
    val confidence: String,
    val decode: List<String>,
    val outbound: Boolean,
) {
    /** Without the value: it must not reach a log. */
    override fun toString(): String = "Identifier($kind)"
}
