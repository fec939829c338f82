package org.telltale.ui

import android.app.Activity
import android.view.View
import android.widget.ListView
import android.widget.TextView
import org.telltale.R
import org.telltale.engine.Finding
import org.telltale.engine.Flow
import org.telltale.engine.Severity
import org.telltale.session.Counts

/**
 * What an overview shows, of a live session or a saved report.
 *
 * @property state the line above the headline.
 * @property idle true when there is nothing to count yet: [headline] and [text] say what to do.
 * @property trouble what is wrong; null when nothing is.
 * @property hold how the system holds the tunnel; null when that does not matter.
 */
class OverviewModel(
    val state: String,
    val headline: String?,
    val text: String?,
    val counts: Counts = Counts(),
    val findings: List<Finding> = emptyList(),
    val flows: List<Flow> = emptyList(),
    val unseen: List<String> = emptyList(),
    val trouble: String? = null,
    val hold: String? = null,
)

/** The header and the lists of an overview, in the views of `screen_overview`. */
class Overview(private val activity: Activity, private val onFinding: (Finding) -> Unit, private val onFlow: (Flow) -> Unit) {
    private enum class Tab(val view: Int) { FINDINGS(R.id.tab_findings), FLOWS(R.id.tab_flows), UNSEEN(R.id.tab_unseen) }

    private val list: ListView = activity.findViewById(R.id.list)
    private val rows = Rows(activity)
    private val words = Words(activity)
    private var chosen: Tab? = null
    private var shown = OverviewModel("", null, null)

    init {
        val header = activity.layoutInflater.inflate(R.layout.header_overview, list, false)
        list.addHeaderView(header, null, false)
        list.adapter = rows
        list.setOnItemClickListener { _, _, position, _ -> open(position - list.headerViewsCount) }
        Tab.entries.forEach { tab ->
            header.findViewById<View>(tab.view).setOnClickListener {
                chosen = tab
                show(shown)
            }
        }
    }

    /** Shows [model]. */
    fun show(model: OverviewModel) {
        shown = model
        showCard(model)
        text(R.id.trouble).showOrHide(model.trouble)
        // Until the user chooses, findings come first when there are any.
        val tab = chosen ?: if (model.findings.isEmpty() && model.flows.isNotEmpty()) Tab.FLOWS else Tab.FINDINGS
        showTabs(model, tab)
        rows.show(rowsOf(model, tab))
    }

    private fun showCard(model: OverviewModel) {
        val alarm = FindingGroup.of(model.findings).firstOrNull()?.first?.takeIf { it.severity <= Severity.MEDIUM }
        val tone = alarm?.severity?.tone ?: Tone(R.color.accent, R.color.card)
        text(R.id.state).text = listOfNotNull(alarm?.severity?.let(words::severity), model.state).joinToString(" · ")
        text(R.id.state).setTextColor(activity.getColor(tone.text))
        activity.findViewById<View>(R.id.card).tint(tone.ground)
        text(R.id.headline).text = alarm?.title ?: model.headline ?: verdict(model)
        text(R.id.coverage).showOrHide(model.text ?: coverage(model.counts))
        activity.findViewById<CoverageBar>(R.id.bar).show(model.counts)
        text(R.id.hold).showOrHide(model.hold)
    }

    // Never "nothing found" alone: it says of how much.
    private fun verdict(model: OverviewModel): String = activity.getString(
        when {
            model.counts.flows == 0 -> R.string.nothing_yet
            model.counts.readable == 0 -> R.string.nothing_readable
            else -> R.string.nothing_flagged
        },
    )

    private fun coverage(counts: Counts): String {
        val flows = activity.resources.getQuantityString(R.plurals.connections, counts.flows, counts.flows)
        return activity.getString(R.string.coverage, flows, counts.readable, counts.encrypted, counts.unknown)
    }

    private fun showTabs(model: OverviewModel, selected: Tab) {
        text(R.id.tab_findings).text = activity.getString(R.string.tab_findings, model.findings.size)
        text(R.id.tab_flows).text = activity.getString(R.string.tab_flows, model.counts.flows)
        Tab.entries.forEach { activity.findViewById<View>(it.view).isSelected = it == selected }
    }

    private fun rowsOf(model: OverviewModel, tab: Tab): List<Row> = when (tab) {
        Tab.FINDINGS -> {
            val apps = model.flows.associate { it.id to it.app }
            FindingGroup.of(model.findings).map { Row.Found(it, apps[it.first.flow]) }.ifEmpty { note(R.string.empty_findings) }
        }
        Tab.FLOWS -> model.flows.map { Row.Connection(it) }.ifEmpty { note(R.string.empty_flows) }
        Tab.UNSEEN -> model.unseen.map { Row.Note("•  $it") }
    }

    private fun note(text: Int): List<Row> = listOf(Row.Note(activity.getString(text)))

    private fun open(position: Int) {
        if (position < 0) return
        when (val row = rows.getItem(position)) {
            is Row.Found -> onFinding(row.group.first)
            is Row.Connection -> onFlow(row.flow)
            is Row.Note -> Unit
        }
    }

    private fun text(id: Int): TextView = activity.findViewById(id)
}
