package org.telltale.session

import org.telltale.engine.EngineEvent
import org.telltale.engine.Finding
import org.telltale.engine.Flow
import org.telltale.engine.PhaseMark

/**
 * What the engine's events add up to. Bounded: a phone that is watched for a week must not fill its memory; the report,
 * which the engine makes, has everything. Not thread-safe.
 */
internal class Sightings(private val maxFlows: Int = 2_000, private val maxFindings: Int = 500) {
    private val flows = LinkedHashMap<Long, Flow>()
    private val findings = LinkedHashMap<Long, Finding>()
    private val phases = ArrayList<PhaseMark>()
    private val troubles = LinkedHashMap<String, EngineEvent.Trouble>()
    private var forgotten = Counts()
    private var recordingFailed = false

    /** Takes [event] in. */
    fun add(event: EngineEvent) {
        when (event) {
            is EngineEvent.PhaseEntered -> {
                phases += PhaseMark(event.phase, event.at)
                if (phases.size > MAX_PHASES) phases.removeAt(1)
            }
            is EngineEvent.FlowSeen -> addFlow(event.flow)
            is EngineEvent.Flagged -> addFinding(event.finding)
            is EngineEvent.Trouble -> if (event.over) troubles.remove(event.what) else troubles[event.what] = event
            is EngineEvent.RecordingFailed -> recordingFailed = true
            is EngineEvent.Ended -> troubles.clear()
        }
    }

    /** All of it, newest first, beside [state]. */
    fun view(state: SessionState, name: String?) = SessionView(
        state = state,
        name = name,
        phases = phases.toList(),
        flows = flows.values.reversed(),
        findings = findings.values.sortedByDescending { it.id },
        counts = flows.values.fold(forgotten, ::count),
        troubles = troubles.values.toList(),
        recordingFailed = recordingFailed,
    )

    private fun addFlow(flow: Flow) {
        flows[flow.id] = flow
        if (flows.size <= maxFlows) return
        val oldest = flows.keys.first()
        flows.remove(oldest)?.let { forgotten = count(forgotten, it) }
    }

    private fun addFinding(finding: Finding) {
        findings[finding.id] = finding
        if (findings.size <= maxFindings) return
        // The mildest goes first, of those the oldest.
        findings.values.maxByOrNull { it.severity }?.let { findings.remove(it.id) }
    }

    private fun count(counts: Counts, flow: Flow) = Counts(
        flows = counts.flows + 1,
        readable = counts.readable + if (flow.encrypted == false) 1 else 0,
        encrypted = counts.encrypted + if (flow.encrypted == true) 1 else 0,
        unknown = counts.unknown + if (flow.encrypted == null) 1 else 0,
    )

    private companion object {
        const val MAX_PHASES = 200
    }
}
