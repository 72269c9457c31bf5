"""Every sentence of the reports, in Indonesian and in English."""

from server.reports.messages_lists import LISTS

# key: (Indonesian, English). Keys with a colon name values of the computation (a status, a kind of line).
MESSAGES: dict[str, tuple[str, str]] = {
    "tpp": ("Tambahan Penghasilan Pegawai (TPP)", "Additional Employee Income (TPP)"),
    "month": ("Bulan {month}", "Month of {month}"),
    "draft": ("KONSEP", "DRAFT"),
    "page": ("Halaman {page} dari {pages}", "Page {page} of {pages}"),
    "continued": ("lanjutan", "continued"),
    "foot": (
        "Peraturan: {regulation} ({version}) · mesin {engine} · masukan {digest} · status {status}",
        "Regulation: {regulation} ({version}) · engine {engine} · input {digest} · status {status}",
    ),
    "notes": ("Catatan", "Notes"),
    "totals": ("JUMLAH", "TOTAL"),
    "legend": ("Keterangan kode", "Legend"),
    "replaced": (
        "† Dipendekkan, atau memuat huruf yang tidak ada pada fon ini; teks tepatnya ada pada XLSX, CSV dan HTML.",
        "† Shortened, or holds letters that this font lacks; the exact text is in the XLSX, CSV and HTML files.",
    ),
    # columns
    "no": ("No.", "No."),
    "nip": ("NIP", "NIP"),
    "name": ("Nama", "Name"),
    "name_nip": ("Nama / NIP", "Name / NIP"),
    "class": ("Kelas", "Class"),
    "golongan": ("Gol.", "Grade"),
    "account": ("Rekening", "Account"),
    "npwp": ("NPWP", "Tax no. (NPWP)"),
    "gross": ("TPP kotor (Rp)", "Gross TPP (Rp)"),
    "deductions": ("Potongan disiplin (Rp)", "Discipline cuts (Rp)"),
    "dues": ("Iuran (Rp)", "Dues (Rp)"),
    "tax": ("PPh 21 (Rp)", "Income tax (Rp)"),
    "net": ("Diterima (Rp)", "Net (Rp)"),
    "status": ("Status", "Status"),
    "reason": ("Alasan", "Reason"),
    "date": ("Tanggal", "Date"),
    "code": ("Kode", "Code"),
    "meaning": ("Arti", "Meaning"),
    "first_in": ("Masuk", "In"),
    "last_out": ("Pulang", "Out"),
    "late": ("Terlambat", "Late"),
    "early": ("Pulang awal", "Early"),
    "kind": ("Jenis", "Kind"),
    "text": ("Uraian", "Description"),
    "fact": ("Fakta", "Fact"),
    "article": ("Dasar hukum", "Article"),
    "base": ("Dasar (Rp)", "Base (Rp)"),
    "share": ("Bagian", "Share"),
    "numerator": ("Pembilang", "Numerator"),
    "denominator": ("Penyebut", "Denominator"),
    "rounding": ("Pembulatan", "Rounding"),
    "rupiah": ("Jumlah (Rp)", "Amount (Rp)"),
    "certainty": ("Keandalan", "Certainty"),
    "certainty_short": ("Andal", "Cert."),
    "unit": ("Unit", "Unit"),
    # payment list
    "payments": ("Daftar Pembayaran TPP", "TPP Payment List"),
    "in_words": ("Terbilang", "In words"),
    "payments_counts": (
        "{all} pegawai: {paid} dibayar ({partial} sebagian), {held} ditahan, {unpaid} tanpa pembayaran.",
        "{all} employees: {paid} paid ({partial} in part), {held} held, {unpaid} without payment.",
    ),
    "payments_total": ("Jumlah dibayarkan", "Total paid"),
    "payments_without_account": (
        "Belum ada rekening untuk {count} penerima; lengkapi sebelum pembayaran.",
        "{count} recipients have no account yet; complete it before paying.",
    ),
    "sptjm": ("Surat Pernyataan Tanggung Jawab Mutlak (SPTJM)", "Statement of Absolute Responsibility (SPTJM)"),
    "sptjm_intro": (
        "Yang bertanda tangan di bawah ini, selaku pimpinan {agency}, menyatakan dengan sesungguhnya bahwa:",
        "The undersigned, head of {agency}, truthfully declares that:",
    ),
    "sptjm_1": (
        "Daftar pembayaran TPP bulan {month} untuk {count} pegawai sejumlah {total} dihitung dari kehadiran, cuti, "
        "surat tugas dan koreksi yang tercatat dan telah kami periksa kebenarannya.",
        "The TPP payment list of {month} for {count} employees, amounting to {total}, is computed from recorded "
        "attendance, leave, duty orders and corrections whose truth we have examined.",
    ),
    "sptjm_2": (
        "Kami bertanggung jawab penuh, secara formal maupun material, atas kebenaran data dan penggunaan daftar ini.",
        "We are fully responsible, in form and in substance, for the truth of the data and the use of this list.",
    ),
    "sptjm_3": (
        "Apabila di kemudian hari ternyata terdapat kelebihan pembayaran, kelebihan itu akan disetor ke Kas Daerah "
        "sesuai dengan ketentuan peraturan perundang-undangan.",
        "Should an overpayment come to light later, it will be returned to the regional treasury as the law requires.",
    ),
    "sptjm_4": (
        "Bukti pendukung disimpan pada perangkat daerah dan tersedia bagi aparat pengawas.",
        "The supporting evidence is kept at the agency and is open to the supervising authorities.",
    ),
    "sptjm_end": (
        "Demikian pernyataan ini dibuat dengan sebenarnya untuk digunakan sebagaimana mestinya.",
        "This statement is made in truth, to be used as is proper.",
    ),
    # recap
    "recap": ("Rekapitulasi Absensi", "Attendance Recap"),
    "recap_days": ("Rincian harian", "Day by day"),
    "recap_counts": ("{count} pegawai, {days} hari kalender.", "{count} employees, {days} calendar days."),
    "recap_blank": (
        "Sel kosong: di luar masa kerja, atau tidak ada catatan untuk hari itu.",
        "Empty cell: outside the employment, or no record of that day.",
    ),
    # slip
    "slips": ("Slip TPP", "TPP Slip"),
    "slip_lines": ("Rincian perhitungan", "How it was computed"),
    "slip_days": ("Hari yang menjadi perhatian", "Days to look at"),
    "slip_no_days": (
        "Tidak ada hari dengan keterlambatan, pulang awal, atau ketidakhadiran.",
        "No day with lateness, early leave or absence.",
    ),
    "slip_assumed": (
        "Baris bertanda A memakai nilai anggapan, yang hanya berlaku bila ditetapkan dengan keputusan.",
        "Lines marked A use an assumed value, valid only if adopted by decree.",
    ),
    "slip_certainty": (
        "Keandalan nilai: L naskah hukum, P pers atau sumber kedua, C kode pemerintah daerah, A anggapan.",
        "Certainty of values: L legal text, P press or secondary text, C a local government's code, A assumed.",
    ),
    "slip_held": ("Pembayaran ditahan: {reason}", "Payment held: {reason}"),
    "slip_partial": (
        "Dibayar sebagian, selebihnya menyusul setelah terjawab: {reason}",
        "Paid in part, the rest once this is answered: {reason}",
    ),
    "slip_unpaid": ("Tidak dibayarkan: {reason}", "Not paid: {reason}"),
    "unsigned": ("tanpa tanda tangan", "unsigned"),
    "slip_net": ("Diterima", "Net"),
    # held
    "held": ("Daftar Pembayaran Ditahan", "Held Payments"),
    "held_table": ("Ditahan, dibayarkan setelah alasannya terjawab", "Held, paid once the reason is answered"),
    "held_partial": (
        "Dibayar sebagian: yang tidak dipersoalkan sekarang, selebihnya sebagai susulan",
        "Paid in part: what is not in dispute now, the rest as a later payment",
    ),
    "held_unpaid": ("Tanpa pembayaran bulan ini", "Without payment this month"),
    "held_amount": ("Ditahan (Rp)", "Held (Rp)"),
    "held_none": ("Tidak ada pembayaran yang ditahan.", "No payment is held."),
    # the page
    "elsewhere": (
        "{count} lembar terlalu banyak untuk satu halaman ini; lihat {files}, atau tulis untuk satu perangkat daerah.",
        "{count} sheets are too many for this one page; see {files}, or write one agency alone.",
    ),
    "contents": ("Isi", "Contents"),
    # names of files
    "file:payments": ("daftar-pembayaran", "payment-list"),
    "file:recap": ("rekap-absensi", "attendance-recap"),
    "file:recap_days": ("rekap-absensi-harian", "attendance-days"),
    "file:slips": ("slip-tpp", "tpp-slips"),
    "file:lines": ("rincian-tpp", "tpp-lines"),
    "file:held": ("pembayaran-ditahan", "held-payments"),
    "file:held_partial": ("dibayar-sebagian", "paid-in-part"),
    "file:held_unpaid": ("tanpa-pembayaran", "without-payment"),
    "file:page": ("laporan", "report"),
    # statuses of a month and of a payment
    "month_status:draft": ("Konsep", "Draft"),
    "month_status:review": ("Ditelaah pegawai", "Under employees' review"),
    "month_status:closed": ("Ditutup", "Closed"),
    "month_status:locked": ("Terkunci", "Locked"),
    "month_status:paid": ("Dibayar", "Paid"),
    "status:payable": ("Dibayarkan", "Payable"),
    "status:partial": ("Dibayar sebagian", "Paid in part"),
    "status:held": ("Ditahan", "Held"),
    "status:ineligible": ("Tidak berhak", "Not eligible"),
    "status:forfeited": ("Hangus", "Forfeited"),
    **LISTS,
}
