package org.telltale.ui

import org.telltale.engine.Finding

/**
 * Findings that say the same: rule, severity, host, encryption and kinds of identifiers. A phone that registers at every
 * start has one entry, with all its times.
 */
class FindingGroup(val findings: List<Finding>) {
    /** The newest. */
    val first: Finding get() = findings[0]

    companion object {
        /** Groups of [findings], the worst first, of those the newest. */
        fun of(findings: List<Finding>): List<FindingGroup> = findings
            .groupBy { listOf(it.rule, it.severity, it.host, it.encrypted, it.identifiers.map { id -> id.kind }.sorted()) }
            .values
            .map { same -> FindingGroup(same.sortedByDescending { it.id }) }
            .sortedWith(compareBy({ it.first.severity }, { -it.first.id }))
    }
}
